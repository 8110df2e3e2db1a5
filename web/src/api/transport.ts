import { createChoice } from '../choice';
import { TRANSPORTS } from '../transports';

/** The transport of every call. */
export const { store: transportStore, choose: chooseTransport } = createChoice(
  'trichrome.transport',
  TRANSPORTS,
  'rest',
);

import { createChoice } from '../choice';
import { TRANSPORTS } from '../transports';

/** The transport that every call uses from now on. */
export const { store: transportStore, choose: chooseTransport } = createChoice(
  'trichrome.transport',
  TRANSPORTS,
  'rest',
);

import { createChoice } from '../lib/choice';
import { TRANSPORTS } from '../lib/transports';

/** The transport of every call. */
export const { store: transportStore, choose: chooseTransport } = createChoice(
  'trichrome.transport',
  TRANSPORTS,
  'rest',
);

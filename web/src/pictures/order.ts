import type { Order } from '../api/queryKeys';
import { createChoice } from '../lib/choice';

const ORDERS: readonly Order[] = ['taken', 'created'];

/** How the timeline is ordered, remembered across visits. */
export const { store: orderStore, choose: chooseOrder } = createChoice<Order>(
  'trichrome.order',
  ORDERS,
  'taken',
);

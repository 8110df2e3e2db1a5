import type { LogFilters } from './types';

/** How the timeline is ordered: by capture time or by upload time. */
export type Order = 'taken' | 'created';

/** The query cache's keys, shared by the code that reads and the code that invalidates. */
export const keys = {
  pictures: ['pictures'],
  index: ['pictures', 'index'],
  months: (order: Order) => ['pictures', 'index', order, 'months'],
  month: (order: Order, month: string) => ['pictures', 'index', order, 'month', month],
  details: ['pictures', 'details'],
  picture: (id: string) => ['pictures', 'details', id],
  analytics: ['analytics'],
  totals: (filters: LogFilters) => ['analytics', 'totals', filters],
  logs: (filters: LogFilters, cursor: string) => ['analytics', 'logs', filters, cursor],
} as const;

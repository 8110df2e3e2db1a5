import type { LogFilters } from './types';

/** The query cache's keys, shared by the code that reads and the code that invalidates. */
export const keys = {
  list: ['pictures', 'list'],
  images: ['pictures', 'image'],
  image: (id: string) => ['pictures', 'image', id],
  analytics: ['analytics'],
  totals: (filters: LogFilters) => ['analytics', 'totals', filters],
  logs: (filters: LogFilters, cursor: string) => ['analytics', 'logs', filters, cursor],
} as const;

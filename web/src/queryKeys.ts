import type { LogFilters } from './api/types';

/** The cache's keys, so that what reads and what invalidates can't drift apart. */
export const keys = {
  list: ['pictures', 'list'],
  images: ['pictures', 'image'],
  image: (id: string) => ['pictures', 'image', id],
  analytics: ['analytics'],
  totals: (filters: LogFilters) => ['analytics', 'totals', filters],
  logs: (filters: LogFilters, cursor: string) => ['analytics', 'logs', filters, cursor],
} as const;

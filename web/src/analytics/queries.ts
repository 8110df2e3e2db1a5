import { keepPreviousData, useQuery } from '@tanstack/react-query';
import { answer, api } from '../api/client';
import type { LogEntry, LogFilters, Totals } from '../api/types';
import { keys } from '../queryKeys';

/** How many calls a page of the table holds. */
export const LOG_PAGE_SIZE = 25;

export interface LogPageData {
  readonly logs: readonly LogEntry[];
  readonly nextCursor: string;
}

export function useTotals(filters: LogFilters) {
  return useQuery({
    queryKey: keys.totals(filters),
    placeholderData: keepPreviousData,
    queryFn: async ({ signal }): Promise<Totals> => {
      const query = { ...filters, totals: true, limit: 1 };
      const { data } = await answer(api().GET('/analytics', { params: { query }, signal }));
      return data.totals;
    },
  });
}

export function useLogs(filters: LogFilters, cursor: string) {
  return useQuery({
    queryKey: keys.logs(filters, cursor),
    placeholderData: keepPreviousData,
    queryFn: async ({ signal }): Promise<LogPageData> => {
      const query = { ...filters, limit: LOG_PAGE_SIZE, ...(cursor !== '' && { cursor }) };
      const { data } = await answer(api().GET('/analytics', { params: { query }, signal }));
      return { logs: data.logs, nextCursor: data.next_cursor };
    },
  });
}

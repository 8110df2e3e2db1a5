import { keepPreviousData, useQuery } from '@tanstack/react-query';
import { takePrefetched } from '../api/prefetch';
import type { LogFilters } from '../api/types';
import { keys } from '../api/queryKeys';
import { fetchLogs, fetchTotals } from './requests';

export function useTotals(filters: LogFilters) {
  const queryKey = keys.totals(filters);
  return useQuery({
    queryKey,
    placeholderData: keepPreviousData,
    queryFn: ({ signal }) => takePrefetched(queryKey, () => fetchTotals(filters, signal)),
  });
}

export function useLogs(filters: LogFilters, cursor: string) {
  const queryKey = keys.logs(filters, cursor);
  return useQuery({
    queryKey,
    placeholderData: keepPreviousData,
    queryFn: ({ signal }) => takePrefetched(queryKey, () => fetchLogs(filters, cursor, signal)),
  });
}

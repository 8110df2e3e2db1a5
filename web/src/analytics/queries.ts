import { keepPreviousData, useQuery } from '@tanstack/react-query';
import { askedAhead } from '../api/ahead';
import type { LogFilters } from '../api/types';
import { keys } from '../queryKeys';
import { askLogs, askTotals } from './requests';

export function useTotals(filters: LogFilters) {
  const queryKey = keys.totals(filters);
  return useQuery({
    queryKey,
    placeholderData: keepPreviousData,
    queryFn: ({ signal }) => askedAhead(queryKey, () => askTotals(filters, signal)),
  });
}

export function useLogs(filters: LogFilters, cursor: string) {
  const queryKey = keys.logs(filters, cursor);
  return useQuery({
    queryKey,
    placeholderData: keepPreviousData,
    queryFn: ({ signal }) => askedAhead(queryKey, () => askLogs(filters, cursor, signal)),
  });
}

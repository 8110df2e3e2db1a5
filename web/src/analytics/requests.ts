import { api, unwrap } from '../api/client';
import type { LogEntry, LogFilters, Totals } from '../api/types';

/** Calls per page of the table. */
export const LOG_PAGE_SIZE = 25;

export interface LogPageData {
  readonly logs: readonly LogEntry[];
  readonly nextCursor: string;
}

export async function fetchTotals(filters: LogFilters, signal?: AbortSignal): Promise<Totals> {
  const query = { ...filters, totals: true, limit: 1 };
  const params = { query };
  const { data } = await unwrap(api().GET('/analytics', { params, ...(signal && { signal }) }));
  return data.totals;
}

export async function fetchLogs(
  filters: LogFilters,
  cursor: string,
  signal?: AbortSignal,
): Promise<LogPageData> {
  const query = { ...filters, limit: LOG_PAGE_SIZE, ...(cursor !== '' && { cursor }) };
  const params = { query };
  const { data } = await unwrap(api().GET('/analytics', { params, ...(signal && { signal }) }));
  return { logs: data.logs, nextCursor: data.next_cursor };
}

import { api, unwrap } from '../api/client';
import type { LogEntry, LogFilters, Totals } from '../api/types';

/** Calls per page of the table. */
export const LOG_PAGE_SIZE = 25;

export interface LogPageData {
  readonly logs: readonly LogEntry[];
  readonly nextCursor: string;
}

/** The totals of everyone's calls. */
export async function fetchTotals(filters: LogFilters, signal?: AbortSignal): Promise<Totals> {
  const query = { ...filters, totals: true, limit: 1 };
  const params = { query };
  const { data } = await unwrap(api().GET('/analytics', { params, ...(signal && { signal }) }));
  return data.totals;
}

/** A page of the user's own calls. */
export async function fetchLogs(
  filters: LogFilters,
  cursor: string,
  signal?: AbortSignal,
): Promise<LogPageData> {
  const query = { ...filters, own: true, limit: LOG_PAGE_SIZE, ...(cursor !== '' && { cursor }) };
  const params = { query };
  const { data } = await unwrap(api().GET('/analytics', { params, ...(signal && { signal }) }));
  return { logs: data.logs, nextCursor: data.next_cursor };
}

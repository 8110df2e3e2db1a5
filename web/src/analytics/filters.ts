import type { LogFilters } from '../api/types';

/** The page's filters. They are kept in the URL so that they can be bookmarked and shared. */
export interface Filters {
  readonly transport: string;
  /** `service/Method`, as in the totals. */
  readonly operation: string;
  readonly outcome: '' | 'errors';
  readonly range: Range;
}

export const RANGES = {
  hour: { label: 'Last hour', ms: 3_600_000 },
  day: { label: 'Last 24 hours', ms: 86_400_000 },
  week: { label: 'Last 7 days', ms: 7 * 86_400_000 },
  all: { label: 'All time', ms: undefined },
} as const;
export type Range = keyof typeof RANGES;

const DEFAULT_RANGE: Range = 'day';

export function readFilters(params: URLSearchParams): Filters {
  const range = params.get('range') ?? '';
  return {
    transport: params.get('transport') ?? '',
    operation: params.get('operation') ?? '',
    outcome: params.get('outcome') === 'errors' ? 'errors' : '',
    range: Object.hasOwn(RANGES, range) ? (range as Range) : DEFAULT_RANGE,
  };
}

/** Leaves out defaults, to keep the URL short. */
export function writeFilters(filters: Filters): URLSearchParams {
  const params = new URLSearchParams();
  for (const [name, value] of Object.entries<string>({ ...filters })) {
    if (value !== '' && !(name === 'range' && value === DEFAULT_RANGE)) params.set(name, value);
  }
  return params;
}

/** Converts filters to query parameters. Rounding the time to the minute lets cache entries match. */
export function toQuery(filters: Filters, now: number): LogFilters {
  const [service, method] = filters.operation.split('/');
  const { ms } = RANGES[filters.range];
  const since = ms === undefined ? undefined : Math.floor((now - ms) / 60_000) * 60_000;
  return {
    ...(filters.transport !== '' && { transport: filters.transport }),
    ...(service !== undefined && service !== '' && { service }),
    ...(method !== undefined && method !== '' && { method }),
    ...(filters.outcome === 'errors' && { errors_only: true }),
    ...(since !== undefined && { since: new Date(since).toISOString() }),
  };
}

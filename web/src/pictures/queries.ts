import {
  type QueryClient,
  queryOptions,
  useMutation,
  useQuery,
  useQueryClient,
} from '@tanstack/react-query';
import { ApiError } from '../api/errors';
import { takePrefetched } from '../api/prefetch';
import { keys, type Order } from '../api/queryKeys';
import type { IndexEntry } from '../api/types';
import { fetchMonth, fetchMonthEntries } from './months';
import {
  deletePicture,
  fetchMonths,
  fetchPicture,
  type Months,
  type PictureInfo,
  renamePicture,
} from './requests';
import { forgetPicture } from './variants';

/** How often a month is fetched again while it has pictures without thumbnails. */
const PROCESSING_MS = 2_000;

/** Links work for some minutes, so they are renewed before they are shown for longer. */
const LINKS_FRESH_MS = 4 * 60_000;

/** Months are small, and going back to one must not shift the page. */
const MONTH_KEPT_MS = 30 * 60_000;

export function monthsQuery(order: Order) {
  return queryOptions({
    queryKey: keys.months(order),
    queryFn: ({ signal }) => takePrefetched(keys.months(order), () => fetchMonths(order, signal)),
  });
}

/** The pictures of a month. Their links are fetched with them if they are about to be shown. */
export function monthQuery(order: Order, month: string, { links = true } = {}) {
  const fetchEntries = links ? fetchMonth : fetchMonthEntries;
  return queryOptions({
    queryKey: keys.month(order, month),
    gcTime: MONTH_KEPT_MS,
    queryFn: ({ signal }) =>
      takePrefetched(keys.month(order, month), () => fetchEntries(order, month, signal)),
    refetchInterval: ({ state }) =>
      state.data?.some((entry) => entry.state === 'processing') === true ? PROCESSING_MS : false,
  });
}

export function pictureQuery(id: string) {
  return queryOptions({
    queryKey: keys.picture(id),
    staleTime: LINKS_FRESH_MS,
    queryFn: ({ signal }) => takePrefetched(keys.picture(id), () => fetchPicture(id, signal)),
    refetchInterval: ({ state }) => (state.data?.state === 'processing' ? PROCESSING_MS : false),
  });
}

/** What is known of a picture, with links that still work. */
export const usePicture = (id: string) => useQuery(pictureQuery(id));

/** Renames a picture, everywhere at once; a failure takes it back. */
export function useRename() {
  const client = useQueryClient();
  const apply = (id: string, title: string) => {
    changeEntries(client, (entries) =>
      entries.map((entry) => (entry.id === id ? { ...entry, title } : entry)),
    );
    client.setQueryData<PictureInfo>(keys.picture(id), (info) => info && { ...info, title });
  };
  return useMutation({
    mutationFn: ({ id, title }: { id: string; title: string; before: string }) =>
      renamePicture(id, title),
    onMutate: ({ id, title }) => apply(id, title),
    onError: (_, { id, before }) => apply(id, before),
  });
}

/** Deletes a picture at the service, then from all caches. */
export async function deleteForGood(client: QueryClient, id: string): Promise<void> {
  try {
    await deletePicture(id);
  } catch (error) {
    // Already deleted: in another tab, or by an earlier attempt whose response was lost.
    if (!(error instanceof ApiError && error.status === 404)) throw error;
  }
  client.removeQueries({ queryKey: keys.picture(id) });
  removeEntries(client, new Set([id]));
  await forgetPicture(id);
}

function changeEntries(
  client: QueryClient,
  change: (entries: readonly IndexEntry[]) => readonly IndexEntry[],
): void {
  client.setQueriesData<readonly IndexEntry[]>(
    { queryKey: keys.index, predicate: ({ queryKey }) => queryKey[3] === 'month' },
    (entries) => entries && change(entries),
  );
}

/** Removes pictures from the cached index, and from the months' counts. */
function removeEntries(client: QueryClient, ids: ReadonlySet<string>): void {
  for (const order of ['taken', 'created'] as const) {
    const removed = new Map<string, number>();
    for (const [key, entries] of client.getQueriesData<readonly IndexEntry[]>({
      queryKey: [...keys.index, order, 'month'],
    })) {
      const gone = entries?.filter(({ id }) => ids.has(id)).length ?? 0;
      if (gone > 0) removed.set(String(key[4]), gone);
    }
    client.setQueryData<Months>(keys.months(order), (data) => {
      if (data === undefined) return undefined;
      const months = data.months
        .map(({ month, count }) => ({ month, count: count - (removed.get(month) ?? 0) }))
        .filter(({ count }) => count > 0);
      return { months, total: months.reduce((sum, { count }) => sum + count, 0) };
    });
  }
  changeEntries(client, (entries) =>
    entries.some(({ id }) => ids.has(id)) ? entries.filter(({ id }) => !ids.has(id)) : entries,
  );
}

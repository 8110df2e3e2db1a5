import {
  type InfiniteData,
  type QueryClient,
  useInfiniteQuery,
  useMutation,
  useQuery,
  useQueryClient,
} from '@tanstack/react-query';
import { takePrefetched } from '../api/prefetch';
import { api, unwrap } from '../api/client';
import { ApiError } from '../api/errors';
import { keys } from '../api/queryKeys';
import {
  fetchList,
  fetchPicture,
  type LoadedPicture,
  type Page,
  type PictureInfo,
} from './requests';

type Pages = InfiniteData<Page, string>;

/** How long to keep the bytes of a picture that is no longer near the viewport. */
const IMAGE_GC_MS = 2 * 60_000;

/** The user's pictures, newest first, without their bytes. */
export function usePictures() {
  return useInfiniteQuery({
    queryKey: keys.list,
    initialPageParam: '',
    queryFn: ({ pageParam, signal }) => {
      const ask = () => fetchList(pageParam, signal);
      return pageParam === '' ? takePrefetched(keys.list, ask) : ask();
    },
    getNextPageParam: (page) => (page.nextCursor === '' ? undefined : page.nextCursor),
  });
}

/** A picture with its bytes, which never change and are therefore fetched once. */
export function usePicture(id: string, enabled = true) {
  return useQuery({
    queryKey: keys.image(id),
    enabled,
    staleTime: Infinity,
    gcTime: IMAGE_GC_MS,
    queryFn: ({ signal }) => takePrefetched(keys.image(id), () => fetchPicture(id, signal)),
  });
}

export function useDeletePicture() {
  const client = useQueryClient();
  return useMutation({
    mutationFn: async (id: string) => {
      try {
        await unwrap(
          api().DELETE('/pictures/{picture_id}', { params: { path: { picture_id: id } } }),
        );
      } catch (error) {
        // Already deleted: in another tab, or by an earlier attempt whose response was lost.
        if (!(error instanceof ApiError && error.status === 404)) throw error;
      }
    },
    onSuccess: (_, id) => {
      changePages(client, (pictures) => pictures.filter((picture) => picture.id !== id));
      forgetImage(client, id);
    },
  });
}

/** Removes a picture's bytes from the cache once nothing shows it; otherwise they'd be refetched. */
export function forgetImage(client: QueryClient, id: string): void {
  const cache = client.getQueryCache();
  const forget = () => {
    const query = cache.find({ queryKey: keys.image(id) });
    if (query !== undefined && query.getObserversCount() > 0) return;
    stop();
    if (query !== undefined) cache.remove(query);
  };
  const stop = cache.subscribe(forget);
  forget();
}

/**
 * Adds a stored picture and its bytes to the cache. It is sorted into the list, because concurrent
 * uploads may complete in another order than they were stored in.
 */
export function addToCache(client: QueryClient, picture: PictureInfo, file: Blob): void {
  const { content_type } = picture;
  client.setQueryData<LoadedPicture>(keys.image(picture.id), {
    info: picture,
    blob: file.slice(0, file.size, content_type),
  });
  const pages = client.getQueryData<Pages>(keys.list)?.pages ?? [];
  // A retry may return the picture of an earlier attempt, which may be on any page by now.
  if (pages.some(({ pictures }) => pictures.some(({ id }) => id === picture.id))) return;
  changePages(client, (pictures, page) =>
    page === 0 ? [picture, ...pictures].sort(newestFirst) : pictures,
  );
}

/** Ids are version 7 UUIDs (RFC 9562), which sort by time. */
function newestFirst(a: PictureInfo, b: PictureInfo): number {
  return a.id < b.id ? 1 : -1;
}

function changePages(
  client: QueryClient,
  change: (pictures: readonly PictureInfo[], page: number) => readonly PictureInfo[],
): void {
  // A fetch in progress started before this change, so its response would undo it.
  const fetching = client.isFetching({ queryKey: keys.list }) > 0;
  client.setQueryData<Pages>(keys.list, (data) =>
    data === undefined
      ? undefined
      : {
          ...data,
          pages: data.pages.map((page, index) => ({
            ...page,
            pictures: change(page.pictures, index),
          })),
        },
  );
  if (fetching) void client.invalidateQueries({ queryKey: keys.list });
}

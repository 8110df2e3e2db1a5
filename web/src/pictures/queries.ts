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
import { keys } from '../queryKeys';
import {
  fetchList,
  fetchPicture,
  type LoadedPicture,
  type Page,
  type PictureInfo,
} from './requests';

type Pages = InfiniteData<Page, string>;

/** How long the bytes of a picture that is no longer near the view are kept. */
const IMAGE_GC_MS = 2 * 60_000;

/** The person's pictures, newest first, without their bytes. */
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

/** One picture with its bytes; they never change, so once fetched they are not asked for again. */
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
        // Gone already (deleted in another tab, or by a first try whose answer was lost).
        if (!(error instanceof ApiError && error.status === 404)) throw error;
      }
    },
    onSuccess: (_, id) => {
      changePages(client, (pictures) => pictures.filter((picture) => picture.id !== id));
      forgetImage(client, id);
    },
  });
}

/** Forgets a picture's bytes, once nothing shows them any more: what does would ask for them anew. */
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
 * Puts a picture that was just stored into the list, with the bytes that were sent: where the service
 * has it. Of two uploads under way at once the first to be stored need not be the first to answer.
 */
export function addToCache(client: QueryClient, picture: PictureInfo, file: Blob): void {
  const { content_type } = picture;
  client.setQueryData<LoadedPicture>(keys.image(picture.id), {
    info: picture,
    blob: file.slice(0, file.size, content_type),
  });
  const pages = client.getQueryData<Pages>(keys.list)?.pages ?? [];
  // A retry may answer with a picture of an earlier try, which may be on any page by now.
  if (pages.some(({ pictures }) => pictures.some(({ id }) => id === picture.id))) return;
  changePages(client, (pictures, page) =>
    page === 0 ? [picture, ...pictures].sort(newestFirst) : pictures,
  );
}

/** Ids are UUIDs of version 7 (RFC 9562): the later one is the greater one. */
function newestFirst(a: PictureInfo, b: PictureInfo): number {
  return a.id < b.id ? 1 : -1;
}

function changePages(
  client: QueryClient,
  change: (pictures: readonly PictureInfo[], page: number) => readonly PictureInfo[],
): void {
  // An answer under way was asked for before this change, and would undo it.
  const underWay = client.isFetching({ queryKey: keys.list }) > 0;
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
  if (underWay) void client.invalidateQueries({ queryKey: keys.list });
}

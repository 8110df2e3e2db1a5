import { api, unwrap } from '../api/client';
import type { Picture } from '../api/types';
import { toBlob } from './image';

/** A picture without its bytes, as in the list. */
export type PictureInfo = Omit<Picture, 'base64'>;

/** A picture with its bytes. */
export interface LoadedPicture {
  readonly info: PictureInfo;
  readonly blob: Blob;
}

export interface Page {
  readonly pictures: readonly PictureInfo[];
  readonly nextCursor: string;
}

/** Enough pictures to fill a large screen and scroll. */
const PAGE_SIZE = 30;

/** Fetches a page of the user's pictures, without their bytes. */
export async function fetchList(cursor: string, signal?: AbortSignal): Promise<Page> {
  const query = { limit: PAGE_SIZE, metadata_only: true };
  const { data, response } = await unwrap(
    api().GET('/pictures', {
      params: { query: cursor === '' ? query : { ...query, cursor } },
      ...(signal && { signal }),
    }),
  );
  return { pictures: data, nextCursor: response.headers.get('next-cursor') ?? '' };
}

export async function fetchPicture(id: string, signal?: AbortSignal): Promise<LoadedPicture> {
  const { data } = await unwrap(
    api().GET('/pictures/{picture_id}', {
      params: { path: { picture_id: id } },
      ...(signal && { signal }),
    }),
  );
  const { base64, ...info } = data;
  return { info, blob: toBlob(base64, info.content_type) };
}

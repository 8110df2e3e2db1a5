import { api, unwrap } from '../api/client';
import type { Order } from '../api/queryKeys';
import type { IndexEntry, Picture, PictureMonth } from '../api/types';

/** A picture without its bytes. */
export type PictureInfo = Omit<Picture, 'base64' | 'content'>;

/** A picture's width and height as displayed; as stored until that is known. */
export function sizeOf(info: PictureInfo): [width: number, height: number] {
  const { displayed_width, displayed_height, width, height } = info;
  return displayed_width > 0 ? [displayed_width, displayed_height] : [width, height];
}

/** The months that have pictures, the newest first. */
export interface Months {
  readonly months: readonly PictureMonth[];
  readonly total: number;
}

const withSignal = (signal: AbortSignal | undefined) => (signal === undefined ? {} : { signal });

export async function fetchMonths(order: Order, signal?: AbortSignal): Promise<Months> {
  const { data } = await unwrap(
    api().GET('/pictures/index', { params: { query: { order } }, ...withSignal(signal) }),
  );
  return { months: data.months, total: data.total };
}

/** Fetches all pictures of a month, the newest first. */
export async function fetchMonth(
  order: Order,
  month: string,
  signal?: AbortSignal,
): Promise<readonly IndexEntry[]> {
  const entries: IndexEntry[] = [];
  let cursor = '';
  do {
    const query = { order, month, ...(cursor !== '' && { cursor }) };
    const { data } = await unwrap(
      api().GET('/pictures/index', { params: { query }, ...withSignal(signal) }),
    );
    entries.push(...data.pictures);
    cursor = data.next_cursor;
  } while (cursor !== '');
  return entries;
}

/** The most pictures of a list page. */
const LIST_PAGE = 100;

/** Fetches what is known of the newest uploads, with new links to their bytes. */
export async function fetchNewest(): Promise<readonly PictureInfo[]> {
  const query = { limit: LIST_PAGE, metadata_only: true };
  const { data } = await unwrap(api().GET('/pictures', { params: { query } }));
  return data;
}

/** Fetches what is known of a picture, with new links to its bytes. */
export async function fetchPicture(id: string, signal?: AbortSignal): Promise<PictureInfo> {
  const { data } = await unwrap(
    api().GET('/pictures/{picture_id}', {
      params: { path: { picture_id: id }, query: { metadata_only: true } },
      ...withSignal(signal),
    }),
  );
  return data;
}

export async function renamePicture(id: string, title: string): Promise<void> {
  await unwrap(
    api().PATCH('/pictures/{picture_id}', {
      params: { path: { picture_id: id } },
      body: { title },
    }),
  );
}

export async function deletePicture(id: string): Promise<void> {
  await unwrap(
    api().DELETE('/pictures/{picture_id}', {
      params: { path: { picture_id: id } },
      // The call is sent even if the page is being left.
      keepalive: true,
    }),
  );
}

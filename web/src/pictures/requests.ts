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

/** The pictures of a month, and links to their thumbnails if they were requested. */
export interface MonthPage {
  /** The newest first. */
  readonly entries: readonly IndexEntry[];
  /** By picture; empty if there is no thumbnail. */
  readonly thumbnails: ReadonlyMap<string, string>;
  /** When the links expire, in milliseconds since 1970. */
  readonly expiresAt: number;
}

/** Fetches all pictures of a month. */
export async function fetchMonthPages(
  order: Order,
  month: string,
  links: boolean,
  signal?: AbortSignal,
): Promise<MonthPage> {
  const entries: IndexEntry[] = [];
  const thumbnails = new Map<string, string>();
  let expiresAt = Infinity;
  let cursor = '';
  do {
    const query = { order, month, ...(links && { links }), ...(cursor !== '' && { cursor }) };
    const { data } = await unwrap(
      api().GET('/pictures/index', { params: { query }, ...withSignal(signal) }),
    );
    for (const { thumbnail, ...entry } of data.pictures) {
      entries.push(entry);
      if (links) thumbnails.set(entry.id, thumbnail);
    }
    const end = Date.parse(data.links_expire_at);
    if (!Number.isNaN(end)) expiresAt = Math.min(expiresAt, end);
    cursor = data.next_cursor;
  } while (cursor !== '');
  return { entries, thumbnails, expiresAt };
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

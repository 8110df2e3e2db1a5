import type { Order } from '../api/queryKeys';
import type { IndexEntry } from '../api/types';
import { monthOf } from './dates';
import { orderStore } from './order';
import { fetchMonthPages } from './requests';

/*
 * Months of the index. Links to thumbnails come with a month, and are kept apart from its entries: they
 * are long, they differ with each response, and a thumbnail that has been downloaded needs none.
 */

/** The links of a month. */
interface Links {
  readonly thumbnails: ReadonlyMap<string, string>;
  readonly fetchedAt: number;
  readonly expiresAt: number;
}

/** Links are kept for this many months, some 1 kB a picture. Those of others are requested again. */
const MAX_MONTHS = 8;

/** Links this young aren't renewed, even if this device's clock says that they have expired. */
const NEW_MS = 10_000;

/** The links of months by `<order>/<month>`, the latest last. */
const kept = new Map<string, Links>();
const running = new Map<string, Promise<readonly IndexEntry[]>>();

const keyOf = (order: Order, month: string) => `${order}/${month}`;

/** Fetches all pictures of a month, the newest first, and keeps the links to their thumbnails. */
export async function fetchMonth(
  order: Order,
  month: string,
  signal?: AbortSignal,
): Promise<readonly IndexEntry[]> {
  const { entries, thumbnails, expiresAt } = await fetchMonthPages(order, month, true, signal);
  const key = keyOf(order, month);
  kept.delete(key);
  kept.set(key, { thumbnails, fetchedAt: Date.now(), expiresAt });
  for (const oldest of kept.keys()) {
    if (kept.size <= MAX_MONTHS) break;
    kept.delete(oldest);
  }
  return entries;
}

/** Fetches all pictures of a month without links. */
export async function fetchMonthEntries(
  order: Order,
  month: string,
  signal?: AbortSignal,
): Promise<readonly IndexEntry[]> {
  return (await fetchMonthPages(order, month, false, signal)).entries;
}

/** Fetches a month again for its links, once for all who ask meanwhile. */
function renew(order: Order, month: string): Promise<readonly IndexEntry[]> {
  const key = keyOf(order, month);
  const renewing = running.get(key) ?? fetchMonth(order, month).finally(() => running.delete(key));
  running.set(key, renewing);
  return renewing;
}

/**
 * Returns a link to a picture's thumbnail; empty if it has none. If there is no link yet, or it has
 * expired, or it is the one that the storage refused, the picture's month is fetched again.
 */
export async function thumbnailLink(entry: IndexEntry, refused?: string): Promise<string> {
  const order = orderStore.get();
  const month = monthOf(entry, order);
  const key = keyOf(order, month);
  const links = kept.get(key);
  const link = links?.thumbnails.get(entry.id);
  const age = links === undefined ? Infinity : Date.now() - links.fetchedAt;
  const isUsable = link !== refused && Date.now() < (links?.expiresAt ?? 0);
  if (link !== undefined && (isUsable || age < NEW_MS)) return link;
  await renew(order, month);
  return kept.get(key)?.thumbnails.get(entry.id) ?? '';
}

/** Forgets all links, when a session ends. */
export function forgetLinks(): void {
  kept.clear();
}

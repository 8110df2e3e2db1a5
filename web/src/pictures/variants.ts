import { sessionStore } from '../api/session';
import { forgetLinks, linksOfNewest } from './links';
import { fetchPicture } from './requests';

/*
 * The pictures' bytes, which come from the storage by presigned links. A link differs each time, even
 * for the same bytes, so the browser's own cache would download a picture again with every new link.
 * They are therefore kept in a cache storage by user, picture and variant. The page reads it itself:
 * a service worker would outlive the session, and registering one would need an exception from the
 * policy's `trusted-types 'none'`.
 */

/** Sizes of a picture that are cached. Originals are only viewed once, and may be large. */
export type Variant = 'thumbnail' | 'preview';

/** The names of all caches begin like this; the rest is the user. */
const CACHE_PREFIX = 'trichrome-pictures:';

/** More would only compete for the same bandwidth. */
const MAX_DOWNLOADS = 6;

const running = new Map<string, Promise<Blob>>();
/** Files that were uploaded here, shown until their thumbnails exist. */
const local = new Map<string, Blob>();
/** Pictures that were deleted while they were still being downloaded. */
const deleted = new Set<string>();

let downloads = 0;
const queue: (() => void)[] = [];

const keyOf = (id: string, variant: Variant) => `/cached-pictures/${id}/${variant}`;

/** The user's cache; undefined if the browser has none, for example over plain HTTP. */
async function openCache(): Promise<Cache | undefined> {
  const user = sessionStore.get().session?.username;
  if (user === undefined || !('caches' in globalThis)) return undefined;
  return caches.open(CACHE_PREFIX + user).catch(() => undefined);
}

/** Waits for one of the downloads' slots. The newest request goes first: it is what is on screen. */
async function slot(): Promise<void> {
  if (downloads >= MAX_DOWNLOADS) await new Promise<void>((resolve) => queue.push(resolve));
  downloads += 1;
}

function releaseSlot(): void {
  downloads -= 1;
  queue.pop()?.();
}

/** A picture's bytes can't be downloaded from the storage. */
export class DownloadError extends Error {
  override readonly name = 'DownloadError';
}

/** Fetches a link of the storage. `crossorigin` everywhere: responses are cached with CORS. */
async function download(link: string): Promise<Blob | undefined> {
  const response = await fetch(link, { mode: 'cors', credentials: 'omit' });
  if (response.ok) return response.blob();
  // Expired, or signed by credentials that have ended.
  if (response.status === 403 || response.status === 400) return undefined;
  throw new DownloadError(`the storage returned status ${response.status}`);
}

async function load(id: string, variant: Variant, link: string): Promise<Blob> {
  const cache = await openCache();
  const key = keyOf(id, variant);
  const kept = await cache?.match(key).catch(() => undefined);
  if (kept !== undefined) return kept.blob();
  await slot();
  try {
    const known = link === '' ? (await linksOfNewest(id))?.[variant] : link;
    let blob = known === undefined || known === '' ? undefined : await download(known);
    if (blob === undefined) {
      const { links } = await fetchPicture(id);
      // Some pictures have no derivatives: damaged ones, and those stored before there were any.
      blob = await download(links[variant] === '' ? links.original : links[variant]);
    }
    if (blob === undefined) throw new DownloadError('the storage rejected a new link');
    if (!deleted.has(id)) {
      const headers = { 'content-type': blob.type };
      // A full disk only means that the picture is downloaded again.
      await cache?.put(key, new Response(blob, { headers })).catch(() => undefined);
    }
    return blob;
  } finally {
    releaseSlot();
  }
}

/**
 * Returns a variant of a picture: from the cache, or downloaded by `link`. An empty or
 * expired link is replaced by a new one.
 */
export function loadVariant(id: string, variant: Variant, link: string): Promise<Blob> {
  const key = keyOf(id, variant);
  const found = running.get(key);
  if (found !== undefined) return found;
  const loading = load(id, variant, link).finally(() => running.delete(key));
  running.set(key, loading);
  return loading;
}

/** Shows an uploaded file in place of the thumbnail that it doesn't have yet. */
export function rememberUpload(id: string, file: Blob): void {
  forgetLinks();
  local.set(id, file);
}

/** Removes a picture from all caches. */
export async function forgetPicture(id: string): Promise<void> {
  deleted.add(id);
  local.delete(id);
  const cache = await openCache();
  await Promise.all(
    (['thumbnail', 'preview'] as const).map(async (variant) => cache?.delete(keyOf(id, variant))),
  );
}

/** Deletes every user's pictures from this browser, when a session ends. */
export async function forgetAllPictures(): Promise<void> {
  forgetLinks();
  local.clear();
  deleted.clear();
  if (!('caches' in globalThis)) return;
  const names = await caches.keys().catch(() => []);
  await Promise.all(
    names.filter((name) => name.startsWith(CACHE_PREFIX)).map((name) => caches.delete(name)),
  );
}

/** The file that a picture was uploaded from, if that was here. */
export const uploadOf = (id: string) => local.get(id);

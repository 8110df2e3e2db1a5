import { sessionStore } from '../api/session';
import type { IndexEntry } from '../api/types';
import { Slots, Wanted } from './downloads';
import { forgetLinks, thumbnailLink } from './months';
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

/** More downloads at once would only compete for the same bandwidth. */
const downloads = new Slots(6);

/** Loading that is under way, by picture and variant. */
const running = new Map<string, { readonly blob: Promise<Blob>; readonly wanted: Wanted }>();
/** Files that were uploaded here, shown until their thumbnails exist. */
const local = new Map<string, Blob>();
/** Pictures that were deleted while they were still being downloaded. */
const deleted = new Set<string>();

const keyOf = (id: string, variant: Variant) => `/cached-pictures/${id}/${variant}`;

let opened: { readonly user: string; readonly cache: Promise<Cache | undefined> } | undefined;

/** The user's cache; undefined if the browser has none, for example over plain HTTP. */
async function openCache(): Promise<Cache | undefined> {
  const user = sessionStore.get().session?.username;
  if (user === undefined || !('caches' in globalThis)) return undefined;
  if (opened?.user !== user) {
    opened = { user, cache: caches.open(CACHE_PREFIX + user).catch(() => undefined) };
  }
  return opened.cache;
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

/** Finds a link to a variant. It is called again with a link that the storage refused. */
type FindLink = (refused?: string) => Promise<string>;

async function load(
  id: string,
  variant: Variant,
  findLink: FindLink,
  wanted: Wanted,
): Promise<Blob> {
  const cache = await openCache();
  const key = keyOf(id, variant);
  const kept = await cache?.match(key).catch(() => undefined);
  if (kept !== undefined) return kept.blob();
  await downloads.enter(wanted);
  try {
    const link = await findLink();
    const blob = (await download(link)) ?? (await download(await findLink(link)));
    if (blob === undefined) throw new DownloadError('the storage refused a new link');
    if (!deleted.has(id)) {
      const headers = { 'content-type': blob.type };
      // A full disk only means that the picture is downloaded again.
      await cache?.put(key, new Response(blob, { headers })).catch(() => undefined);
    }
    return blob;
  } finally {
    downloads.leave();
  }
}

function share(
  id: string,
  variant: Variant,
  findLink: FindLink,
  signal: AbortSignal | undefined,
): Promise<Blob> {
  const key = keyOf(id, variant);
  const found = running.get(key);
  if (found !== undefined && !found.wanted.isGivenUp) {
    found.wanted.by(signal);
    return found.blob;
  }
  const wanted = new Wanted();
  wanted.by(signal);
  const blob = load(id, variant, findLink, wanted).finally(() => {
    if (running.get(key)?.blob === blob) running.delete(key);
  });
  running.set(key, { blob, wanted });
  return blob;
}

/** The picture's own link to a variant. Some have no derivatives, such as AVIF and damaged ones. */
async function ownLink(id: string, variant: Variant): Promise<string> {
  const { links } = await fetchPicture(id);
  return links[variant] === '' ? links.original : links[variant];
}

/**
 * Returns a picture's thumbnail: from the cache, or downloaded by the link that came with the index.
 * A download that hasn't begun when the signal aborts is left out, and the promise is rejected.
 */
export function loadThumbnail(entry: IndexEntry, signal?: AbortSignal): Promise<Blob> {
  const findLink = async (refused?: string) => {
    const link = await thumbnailLink(entry, refused);
    return link === '' ? ownLink(entry.id, 'thumbnail') : link;
  };
  return share(entry.id, 'thumbnail', findLink, signal);
}

/** Returns a picture's preview: from the cache, or downloaded by a link, which is renewed if need be. */
export function loadPreview(id: string, link: string, signal?: AbortSignal): Promise<Blob> {
  const findLink = async (refused?: string) =>
    refused === undefined && link !== '' ? link : ownLink(id, 'preview');
  return share(id, 'preview', findLink, signal);
}

/** Shows an uploaded file in place of the thumbnail that it doesn't have yet. */
export function rememberUpload(id: string, file: Blob): void {
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
  opened = undefined;
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

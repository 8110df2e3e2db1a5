import { describeError } from '../api/errors';
import { IMAGE_TYPES, isImageType } from '../pictures/image';
import { fetchPicture, type PictureInfo } from '../pictures/requests';
import { archive, type Content, type Report } from './archive';
import { ContentError, withRetries } from './retry';
import { saveStream } from './save';

export type { Missing, Report } from './archive';

/** A picture to download. */
export interface PictureToDownload {
  readonly id: string;
  readonly title: string;
}

export interface DownloadOptions {
  readonly signal: AbortSignal;
  /** Called after each picture. */
  readonly onProgress?: (report: Report) => void;
}

/**
 * Downloads the originals of pictures as one ZIP. Resolves when the browser has the archive, and
 * names the pictures that are missing from it. Rejects if there is no archive at all, and with the
 * signal.
 */
export async function downloadPictures(
  pictures: readonly PictureToDownload[],
  { signal, onProgress }: DownloadOptions,
): Promise<Report> {
  async function* files() {
    for (const { id, title } of pictures) {
      // Fetched one by one, because links expire.
      yield await Promise.resolve({ title, read: () => readPicture(id, signal) });
    }
  }
  const { stream, report } = await archive(files(), [], {
    reasonOf,
    signal,
    ...(onProgress && { onProgress }),
  });
  await saveStream(stream, archiveName('pictures'), 'application/zip');
  return report();
}

/** Fetches a picture's original with a new link. */
export function readPicture(id: string, signal: AbortSignal): Promise<Content> {
  return withRetries(async () => readContent(await fetchPicture(id, signal), signal), signal);
}

/** Fetches the original of a picture whose links are new. */
async function readContent(picture: PictureInfo, signal: AbortSignal): Promise<Content> {
  const { content_type, created_at, size_bytes, links } = picture;
  let response: Response;
  try {
    // Not cached: an archive would push everything else out of the cache.
    response = await fetch(links.original, { signal, cache: 'no-store', credentials: 'omit' });
  } catch (error) {
    signal.throwIfAborted();
    throw error instanceof TypeError ? new ContentError(0) : error;
  }
  if (!response.ok) throw new ContentError(response.status);
  const blob = await response.blob().catch(() => {
    signal.throwIfAborted();
    throw new ContentError(0);
  });
  // The connection may have ended early.
  if (blob.size !== size_bytes) throw new ContentError(0);
  return {
    blob,
    ending: isImageType(content_type) ? IMAGE_TYPES[content_type] : '',
    modified: new Date(created_at),
  };
}

/** Why a picture is missing. */
export function reasonOf(error: unknown): string {
  if (error instanceof ContentError) return 'The storage didn’t send it. Try again.';
  return describeError(error);
}

/** A file name with the date. */
export function archiveName(what: string): string {
  return `Trichrome ${what} ${new Date().toISOString().slice(0, 10)}.zip`;
}

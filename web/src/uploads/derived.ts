import { fetchPicture, type PictureInfo } from '../pictures/requests';

/** When to ask for a new picture's derivatives, in milliseconds after it was stored. */
const SCHEDULE_MS = [1_000, 2_000, 4_000, 8_000, 15_000, 30_000, 60_000];

/**
 * Waits until the service has made a picture's thumbnail, and returns the picture then. Returns
 * undefined if it takes longer than a minute: the next visit will show it.
 */
export async function waitUntilDerived(
  picture: Pick<PictureInfo, 'id' | 'state'>,
  signal: AbortSignal,
  schedule: readonly number[] = SCHEDULE_MS,
): Promise<PictureInfo | undefined> {
  if (picture.state !== 'processing') return undefined;
  let elapsed = 0;
  for (const at of schedule) {
    await delay(at - elapsed, signal);
    elapsed = at;
    if (signal.aborted) return undefined;
    try {
      const latest = await fetchPicture(picture.id, signal);
      if (latest.state !== 'processing') return latest;
    } catch {
      // Deleted, or out of reach for now: the next attempt shows which.
    }
  }
  return undefined;
}

function delay(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(end, ms);
    function end() {
      clearTimeout(timer);
      signal.removeEventListener('abort', end);
      resolve();
    }
    signal.addEventListener('abort', end);
  });
}

import type { QueryClient } from '@tanstack/react-query';
import { keys } from '../api/queryKeys';

/** The most bytes to keep for pictures that are not on screen. */
const MAX_UNSEEN_BYTES = 64 * 1024 * 1024;

interface HasBlob {
  readonly blob: Blob;
}

/**
 * Limits the cached picture bytes by evicting the oldest pictures. Pictures on screen are kept;
 * tiles far outside the viewport release theirs (see PictureTile).
 */
export function limitImageCache(client: QueryClient, maxBytes = MAX_UNSEEN_BYTES): void {
  const cache = client.getQueryCache();
  cache.subscribe((event) => {
    if (event.type !== 'updated' && event.type !== 'observerRemoved') return;
    const [, part] = event.query.queryKey as readonly unknown[];
    if (part !== keys.images[1]) return;
    const unseen = cache
      .findAll({ queryKey: keys.images })
      .filter((query) => query.getObserversCount() === 0)
      .map((query) => ({ query, bytes: (query.state.data as HasBlob | undefined)?.blob.size ?? 0 }))
      .sort((a, b) => a.query.state.dataUpdatedAt - b.query.state.dataUpdatedAt);
    let total = unseen.reduce((sum, { bytes }) => sum + bytes, 0);
    for (const { query, bytes } of unseen) {
      if (total <= maxBytes) break;
      cache.remove(query);
      total -= bytes;
    }
  });
}

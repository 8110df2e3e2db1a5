import { useEffect, useState } from 'react';
import type { IndexEntry } from '../api/types';
import { loadPreview, loadThumbnail } from './variants';

interface Loaded {
  readonly of: string | undefined;
  readonly blob?: Blob;
  readonly error?: unknown;
}

/** Loads a picture's preview while the component is mounted, once its link is known. */
export function usePreview(id: string, link: string | undefined): Omit<Loaded, 'of'> {
  return useBlob(link === undefined ? undefined : id, (signal) =>
    loadPreview(id, link ?? '', signal),
  );
}

/** Loads a picture's thumbnail while the component is mounted, unless it isn't there yet. */
export function useThumbnail(entry: IndexEntry | undefined): Omit<Loaded, 'of'> {
  const ready = entry?.state === 'ready' ? entry : undefined;
  return useBlob(ready?.id, (signal) =>
    ready === undefined ? Promise.reject(new Error('not ready')) : loadThumbnail(ready, signal),
  );
}

/** Loads something once for each id. A renewed link is no reason to load the same bytes again. */
function useBlob(of: string | undefined, load: (signal: AbortSignal) => Promise<Blob>): Loaded {
  const [loaded, setLoaded] = useState<Loaded>();
  useEffect(() => {
    if (of === undefined) return undefined;
    const controller = new AbortController();
    const { signal } = controller;
    load(signal).then(
      (blob) => signal.aborted || setLoaded({ of, blob }),
      (error: unknown) => signal.aborted || setLoaded({ of, error }),
    );
    return () => controller.abort();
    // eslint-disable-next-line react-hooks/exhaustive-deps -- `load` is the id's
  }, [of]);
  return loaded?.of === of && loaded !== undefined ? loaded : { of };
}

import { useEffect, useState } from 'react';
import { loadVariant, type Variant } from './variants';

interface Loaded {
  readonly of: string;
  readonly blob?: Blob;
  readonly error?: unknown;
}

/** Loads a variant of a picture while the component is mounted. An empty link gets a new one. */
export function useVariant(
  id: string,
  variant: Variant,
  link: string | undefined,
): { blob: Blob | undefined; error: unknown; retry: () => void } {
  const [loaded, setLoaded] = useState<Loaded>();
  const [attempt, setAttempt] = useState(0);
  const of = `${id}/${variant}`;
  const known = link !== undefined;
  // A renewed link is no reason to load the same bytes again.
  const hasLink = known && link !== '';
  useEffect(() => {
    if (!known) return undefined;
    let wanted = true;
    loadVariant(id, variant, link).then(
      (blob) => wanted && setLoaded({ of, blob }),
      (error: unknown) => wanted && setLoaded({ of, error }),
    );
    return () => {
      wanted = false;
    };
    // eslint-disable-next-line react-hooks/exhaustive-deps -- see `hasLink`
  }, [id, variant, known, hasLink, attempt]);
  const current = loaded?.of === of ? loaded : undefined;
  return {
    blob: current?.blob,
    error: current?.error,
    retry: () => {
      setLoaded(undefined);
      setAttempt(attempt + 1);
    },
  };
}

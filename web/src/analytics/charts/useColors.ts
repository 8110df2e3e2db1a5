import { useMemo, useSyncExternalStore } from 'react';

/** A colour of the style sheet's, by its name there. */
export type ColorOf = (name: string) => string;

const page = () => document.documentElement;

function follow(changed: () => void): () => void {
  const observer = new MutationObserver(changed);
  observer.observe(page(), { attributeFilter: ['data-scheme'] });
  return () => observer.disconnect();
}

/** The colours of the scheme that the page is in, for what no style sheet reaches. */
export function useColors(): ColorOf {
  const scheme = useSyncExternalStore(follow, () => page().dataset['scheme']);
  return useMemo(
    () => {
      const style = getComputedStyle(page());
      return (name) => style.getPropertyValue(`--${name}`).trim();
    },
    // eslint-disable-next-line react-hooks/exhaustive-deps -- what was drawn in another scheme is drawn anew
    [scheme],
  );
}

import { useMemo, useSyncExternalStore } from 'react';

/** Looks up a colour of the style sheet by its name. */
export type ColorOf = (name: string) => string;

const page = () => document.documentElement;

function follow(changed: () => void): () => void {
  const observer = new MutationObserver(changed);
  observer.observe(page(), { attributeFilter: ['data-scheme'] });
  return () => observer.disconnect();
}

/** The colours of the current scheme, for canvases, which CSS can't style. */
export function useColors(): ColorOf {
  const scheme = useSyncExternalStore(follow, () => page().dataset.scheme);
  return useMemo(
    () => {
      const style = getComputedStyle(page());
      return (name) => style.getPropertyValue(`--${name}`).trim();
    },
    // eslint-disable-next-line react-hooks/exhaustive-deps -- charts are redrawn when the scheme changes
    [scheme],
  );
}

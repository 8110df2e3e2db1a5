import { useSyncExternalStore } from 'react';

/** Scrolling by less than this many pixels doesn't rerender the timeline. */
const STEP = 160;

function subscribe(changed: () => void): () => void {
  addEventListener('scroll', changed, { passive: true });
  addEventListener('resize', changed);
  return () => {
    removeEventListener('scroll', changed);
    removeEventListener('resize', changed);
  };
}

/** The part of the page that is on screen, in pixels and rounded to steps. */
export function useViewport(): { readonly top: number; readonly bottom: number } {
  const step = useSyncExternalStore(subscribe, () => Math.floor(scrollY / STEP));
  const height = useSyncExternalStore(subscribe, () => Math.ceil(innerHeight / STEP) * STEP);
  return { top: step * STEP, bottom: (step + 1) * STEP + height };
}

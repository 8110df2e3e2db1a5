import { useState } from 'react';
import { createStore } from '../lib/store';
import { useStore } from '../lib/useStore';

/** Above this speed, in pixels for each millisecond, pictures pass too fast to be seen. */
const FAST = 4;
/** Scroll events that are further apart aren't one movement, but jumps. */
const GAP_MS = 250;
/** How long after the last fast movement the timeline counts as at rest. */
const REST_MS = 90;

/** Whether the timeline is being scrolled faster than one can look at it. */
const flingStore = createStore(false);

/** Watches how fast the page is scrolled. Returns a function that ends it. */
export function watchFlings(): () => void {
  let last = { at: -Infinity, top: scrollY };
  let timer: ReturnType<typeof setTimeout> | undefined;
  const rest = () => flingStore.set(false);
  const follow = () => {
    const now = { at: performance.now(), top: scrollY };
    const time = now.at - last.at;
    const speed = Math.abs(now.top - last.top) / Math.max(1, time);
    last = now;
    if (time > GAP_MS || speed < FAST) return;
    clearTimeout(timer);
    timer = setTimeout(rest, REST_MS);
    if (!flingStore.get()) flingStore.set(true);
  };
  addEventListener('scroll', follow, { passive: true });
  return () => {
    removeEventListener('scroll', follow);
    clearTimeout(timer);
    rest();
  };
}

/** Whether the timeline has been at rest since the component was mounted. */
export function useHasRested(): boolean {
  const resting = !useStore(flingStore);
  const [has, setHas] = useState(resting);
  if (resting && !has) setHas(true);
  return has || resting;
}

import { useSyncExternalStore } from 'react';

const never = () => () => undefined;

/** False while the page is taken over as it was prerendered, which knows nothing of this browser. */
export function useHydrated(): boolean {
  return useSyncExternalStore(
    never,
    () => true,
    () => false,
  );
}

import { useSyncExternalStore } from 'react';

const never = () => () => undefined;

/** False while a prerendered page is being hydrated, true afterwards. */
export function useHydrated(): boolean {
  return useSyncExternalStore(
    never,
    () => true,
    () => false,
  );
}

/** A value outside React that both plain code (the API client) and components can follow. */
export interface Store<T> {
  readonly get: () => T;
  /** What the page shows that was rendered when the app was built (see `prerender.tsx`). */
  readonly prerendered: () => T;
  readonly set: (next: T) => void;
  readonly subscribe: (listener: () => void) => () => void;
}

/** `prerendered` is what a prerendered page shows instead of a value; the first one, unless said. */
export function createStore<T>(initial: T, prerendered: (value: T) => T = () => initial): Store<T> {
  let value = initial;
  const listeners = new Set<() => void>();
  return {
    get: () => value,
    prerendered: () => prerendered(value),
    set: (next) => {
      if (Object.is(next, value)) return;
      value = next;
      for (const listener of [...listeners]) listener();
    },
    subscribe: (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
}

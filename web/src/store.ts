/** An observable value for code inside and outside React. */
export interface Store<T> {
  readonly get: () => T;
  /** The value on prerendered pages (see `prerender.tsx`). */
  readonly prerendered: () => T;
  readonly set: (next: T) => void;
  readonly subscribe: (listener: () => void) => () => void;
}

/** Creates a store. `prerendered` maps its value to the one on prerendered pages (`initial`). */
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

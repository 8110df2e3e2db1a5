import { createStore, type Store } from './store';

/** A setting with a few values, remembered across visits. */
export interface Choice<T> {
  readonly store: Store<T>;
  readonly choose: (value: T) => void;
  /** Reads the stored value again, after a change in another tab. */
  readonly reload: () => void;
}

/** Creates a setting that is stored under `key` in localStorage. */
export function createChoice<T extends string>(
  key: string,
  values: readonly T[],
  defaultValue: T,
): Choice<T> {
  const remembered = (): T => {
    try {
      const text = localStorage.getItem(key);
      return values.find((value) => value === text) ?? defaultValue;
    } catch {
      return defaultValue; // Storage is disabled: the choice lasts as long as the page.
    }
  };
  const store = createStore<T>(remembered());
  return {
    store,
    choose: (value) => {
      store.set(value);
      try {
        localStorage.setItem(key, value);
      } catch {
        // Storage is disabled: see above.
      }
    },
    reload: () => store.set(remembered()),
  };
}

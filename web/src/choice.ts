import { createStore, type Store } from './store';

/** One of a few values, chosen by the person and remembered across visits. */
export interface Choice<T> {
  readonly store: Store<T>;
  readonly choose: (value: T) => void;
  /** Takes over what another tab has chosen. */
  readonly recall: () => void;
}

/** `key` is its name in the browser's storage; `usual` is what it is until something is chosen. */
export function createChoice<T extends string>(
  key: string,
  values: readonly T[],
  usual: T,
): Choice<T> {
  const remembered = (): T => {
    try {
      const text = localStorage.getItem(key);
      return values.find((value) => value === text) ?? usual;
    } catch {
      return usual; // Storage is off: the choice lasts as long as the page.
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
        // Storage is off: see above.
      }
    },
    recall: () => store.set(remembered()),
  };
}

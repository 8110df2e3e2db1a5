import { sessionStore } from './session';
import { transportStore } from './transport';

/** Prefetched responses that no component has taken yet, by query key. */
const prefetched = new Map<string, Promise<unknown>>();

/** How long a prefetched response stays usable. */
const FRESH_MS = 30_000;

/** Starts a request whose response will be needed under this query key. */
export function prefetch(key: readonly unknown[], request: () => Promise<unknown>): void {
  const name = JSON.stringify(key);
  const response = request();
  prefetched.set(name, response);
  // A failure is reported by the query that takes the response, if any.
  const settled = () => {
    setTimeout(() => {
      if (prefetched.get(name) === response) prefetched.delete(name);
    }, FRESH_MS);
  };
  response.then(settled, settled);
}

/** Takes the prefetched response for a key, or sends the request now. */
export function takePrefetched<T>(key: readonly unknown[], request: () => Promise<T>): Promise<T> {
  const name = JSON.stringify(key);
  const response = prefetched.get(name) as Promise<T> | undefined;
  prefetched.delete(name);
  return response ?? request();
}

export function clearPrefetched(): void {
  prefetched.clear();
}

// Responses don't apply to another user or transport. Subscribed here rather than in the app,
// because a response may end the session before the app has loaded.
sessionStore.subscribe(clearPrefetched);
transportStore.subscribe(clearPrefetched);

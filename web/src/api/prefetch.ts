import { sessionStore } from './session';
import { transportStore } from './transport';

/** Answers asked for before there was anything to show them, until they are shown. */
const asked = new Map<string, Promise<unknown>>();

/** How long an answer counts as fresh that nothing has shown yet. */
const FRESH_MS = 30_000;

/** Asks now for what will be shown under this key. */
export function prefetch(key: readonly unknown[], ask: () => Promise<unknown>): void {
  const name = JSON.stringify(key);
  const answer = ask();
  asked.set(name, answer);
  // Whoever shows it says what went wrong; where nobody does, nothing did.
  const settled = () => {
    setTimeout(() => {
      if (asked.get(name) === answer) asked.delete(name);
    }, FRESH_MS);
  };
  answer.then(settled, settled);
}

/** The answer that was asked for ahead, once; else asks now. */
export function takePrefetched<T>(key: readonly unknown[], ask: () => Promise<T>): Promise<T> {
  const name = JSON.stringify(key);
  const answer = asked.get(name) as Promise<T> | undefined;
  asked.delete(name);
  return answer ?? ask();
}

/** Nothing is as it was when it was asked for: another person is here, or another transport. */
export function clearPrefetched(): void {
  asked.clear();
}

// From here, not from the app: the answer may come, and end the session, before the app does.
sessionStore.subscribe(clearPrefetched);
transportStore.subscribe(clearPrefetched);

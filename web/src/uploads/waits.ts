import type { Waits } from './transfer';

const FIRST_MS = 500;
const LONGEST_MS = 30_000;

/**
 * Waits that double with each failure. They end early when the browser gets a connection, or when
 * the page is shown again, as after a computer slept.
 */
export const browserWaits: Waits = {
  retry: (attempt, signal) =>
    new Promise((resolve, reject) => {
      signal.throwIfAborted();
      const longest = Math.min(LONGEST_MS, FIRST_MS * 2 ** (attempt - 1));
      const stop = () => {
        clearTimeout(timer);
        removeEventListener('online', end);
        document.removeEventListener('visibilitychange', shown);
        signal.removeEventListener('abort', abort);
      };
      const end = () => {
        stop();
        resolve();
      };
      const shown = () => {
        if (document.visibilityState === 'visible') end();
      };
      const abort = () => {
        stop();
        reject(new DOMException('the upload was cancelled', 'AbortError'));
      };
      // Spread out, so that many uploads don't retry at once.
      const timer = setTimeout(end, longest * (0.75 + Math.random() / 2));
      addEventListener('online', end);
      document.addEventListener('visibilitychange', shown);
      signal.addEventListener('abort', abort);
    }),
};

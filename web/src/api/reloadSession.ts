/** Where the session waits from one page of this tab to the next (see `session.ts`). */
export const SAVED_SESSION_KEY = 'trichrome.parked';

/** What has been taken out of there and not been asked for yet. */
let taken: string | null = null;

function take(): void {
  try {
    taken = sessionStorage.getItem(SAVED_SESSION_KEY) ?? taken;
    sessionStorage.removeItem(SAVED_SESSION_KEY);
  } catch {
    // Storage is off: nobody stays logged in.
  }
}

/** Whether there is one that waits. It does so out of the storage from then on. */
export function hasSavedSession(): boolean {
  take();
  return taken !== null;
}

/** The session that waits, once. */
export function takeSavedSession(): string | null {
  take();
  const parked = taken;
  taken = null;
  return parked;
}

export function saveSession(session: string): void {
  try {
    sessionStorage.setItem(SAVED_SESSION_KEY, session);
  } catch {
    // Storage is off: the person logs in again.
  }
}

// A page that goes before the app has come leaves it to the next.
addEventListener('pagehide', () => {
  if (taken !== null) saveSession(taken);
});

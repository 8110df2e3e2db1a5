/** Where the session waits from one page of this tab to the next (see `session.ts`). */
export const PARKED = 'trichrome.parked';

/** What has been taken out of there and not been asked for yet. */
let taken: string | null = null;

function take(): void {
  try {
    taken = sessionStorage.getItem(PARKED) ?? taken;
    sessionStorage.removeItem(PARKED);
  } catch {
    // Storage is off: nobody stays logged in.
  }
}

/** Whether there is one that waits. It does so out of the storage from then on. */
export function isParked(): boolean {
  take();
  return taken !== null;
}

/** The session that waits, once. */
export function unpark(): string | null {
  take();
  const parked = taken;
  taken = null;
  return parked;
}

export function park(session: string): void {
  try {
    sessionStorage.setItem(PARKED, session);
  } catch {
    // Storage is off: the person logs in again.
  }
}

// A page that goes before the app has come leaves it to the next.
addEventListener('pagehide', () => {
  if (taken !== null) park(taken);
});

/** The sessionStorage key that carries the session over a reload (see `session.ts`). */
export const SAVED_SESSION_KEY = 'trichrome.session';

/** The session read from storage, until it is taken. */
let saved: string | null = null;

/** Moves a saved session from storage into memory. */
function load(): void {
  try {
    saved = sessionStorage.getItem(SAVED_SESSION_KEY) ?? saved;
    sessionStorage.removeItem(SAVED_SESSION_KEY);
  } catch {
    // Storage is disabled: sessions don't survive a reload.
  }
}

/** Whether there is a saved session. The first call removes it from storage. */
export function hasSavedSession(): boolean {
  load();
  return saved !== null;
}

/** Returns the saved session once, then null. */
export function takeSavedSession(): string | null {
  load();
  const session = saved;
  saved = null;
  return session;
}

export function saveSession(session: string): void {
  try {
    sessionStorage.setItem(SAVED_SESSION_KEY, session);
  } catch {
    // Storage is disabled: the user has to log in again.
  }
}

// A page that is left before the app has loaded keeps the session for the next one.
addEventListener('pagehide', () => {
  if (saved !== null) saveSession(saved);
});

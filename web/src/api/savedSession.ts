/** The localStorage key of the user whose session is in the cookie (see `session.ts`). */
const USER_KEY = 'trichrome.user';

/** The sessionStorage key that carries a token over a reload (see `session.ts`). */
const SAVED_SESSION_KEY = 'trichrome.session';

/** The token and user read from storage, until they are taken. */
let saved: string | null = null;

/** Moves a saved token from storage into memory. */
function load(): void {
  try {
    saved = sessionStorage.getItem(SAVED_SESSION_KEY) ?? saved;
    sessionStorage.removeItem(SAVED_SESSION_KEY);
  } catch {
    // Storage is disabled: sessions don't survive a reload.
  }
}

/** Whether a session was left by an earlier page. The first call removes a token from storage. */
export function hasSavedSession(): boolean {
  load();
  return saved !== null || savedUser() !== null;
}

/** Returns the saved token and user once, then null. */
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

/** The user whose session is in the cookie, or null. */
export function savedUser(): string | null {
  try {
    return localStorage.getItem(USER_KEY);
  } catch {
    return null;
  }
}

export function saveUser(username: string): void {
  try {
    localStorage.setItem(USER_KEY, username);
  } catch {
    // Storage is disabled: new tabs don't know of the cookie, and the user has to log in again.
  }
}

export function forgetUser(): void {
  try {
    localStorage.removeItem(USER_KEY);
  } catch {
    // Storage is disabled: nothing was saved.
  }
}

// A page that is left before the app has loaded keeps the token for the next one.
addEventListener('pagehide', () => {
  if (saved !== null) saveSession(saved);
});

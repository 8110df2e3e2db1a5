import { createStore } from '../lib/store';
import { saveSession, takeSavedSession } from './reloadSession';

/*
 * While the page is open, the token is kept only in this module's closure.
 *
 * - Not in a cookie: the API takes bearer tokens over all transports. A cookie would need CSRF
 *   protection and would still have to be turned into a bearer token.
 * - Not in localStorage: every script of this origin could read it, in any tab, long after the user
 *   has left.
 * - Not permanently in sessionStorage: injected scripts look there first. This module never exports
 *   the token; `authorize` only adds it to requests to this origin. An injected script could still
 *   send requests while the page is open, which no storage location prevents, but it can't find the
 *   token in storage, on `window` or in the React tree. The Content-Security-Policy keeps such
 *   scripts out (scripts from this origin only, Trusted Types), and `connect-src 'self'` keeps data
 *   from being sent elsewhere.
 *
 * A token in memory alone would be lost on every reload. At `pagehide` it is therefore saved in
 * sessionStorage, which belongs to the tab. The first module of the next page (`boot.ts`, through
 * `reloadSession.ts`) removes it before the first paint, and no script of this origin runs in
 * between. If no page follows, the token stays in storage: in a tab that went to another site, or in
 * a closed tab, whose storage the browser keeps (also on disk) while it offers to reopen the tab. It
 * is useless once it expires.
 */

/** The logged-in user. The token is deliberately left out. */
export interface Session {
  readonly username: string;
}

/** Why no user is logged in. */
export type SignedOutReason = 'start' | 'logged-out' | 'expired';

export type SessionState =
  | { readonly session: Session; readonly reason?: never }
  | { readonly session: null; readonly reason: SignedOutReason };

let token: string | null = null;

export const sessionStore = createStore<SessionState>({ session: null, reason: 'start' });

function restoreSession(): void {
  try {
    const saved = takeSavedSession();
    // A page from the back/forward cache still has its token.
    if (saved === null || token !== null) return;
    const value = JSON.parse(saved) as { token?: unknown; username?: unknown };
    if (typeof value.token === 'string' && typeof value.username === 'string') {
      startSession(value.token, value.username);
    }
  } catch {
    // The saved value is malformed: the user has to log in again.
  }
}

function saveCurrentSession(): void {
  const { session } = sessionStore.get();
  if (token === null || session === null) return;
  saveSession(JSON.stringify({ token, username: session.username }));
}

export function startSession(accessToken: string, username: string): void {
  token = accessToken;
  sessionStore.set({ session: { username } });
}

export function endSession(reason: Exclude<SignedOutReason, 'start'>): void {
  token = null;
  sessionStore.set({ session: null, reason });
}

/**
 * Adds the token to a request to this origin. Returns a function to call when the server rejects
 * the token, or undefined when no token was added.
 */
export function authorize(request: Request): (() => void) | undefined {
  const used = token;
  if (used === null || new URL(request.url).origin !== location.origin) return undefined;
  request.headers.set('authorization', `Bearer ${used}`);
  return () => {
    // A late 401 for an old token must not end a newer session.
    if (token === used) endSession('expired');
  };
}

/** The request body with which the `validate` operation looks up the token's user. */
export function validationBody(): { access_token: string } {
  return { access_token: token ?? '' };
}

restoreSession();
addEventListener('pagehide', saveCurrentSession);
addEventListener('pageshow', restoreSession);

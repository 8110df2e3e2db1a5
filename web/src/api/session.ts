import { createStore } from '../store';
import { saveSession, takeSavedSession } from './reloadSession';

/*
 * Where the token lives: in this module's closure, and nowhere else while the page is open.
 *
 * - Not in a cookie: the API takes bearer tokens, the same over three transports; a cookie
 *   would bring CSRF with it and still have to be turned into a bearer token on the way.
 * - Not in localStorage: any script of this origin, in any tab, could read it long after
 *   the person has gone.
 * - Not lastingly in sessionStorage either: it is the first place that an injected script
 *   looks. Nothing exported from here gives the token out; it can only be put on a request
 *   to this origin (`authorize`). So an injected script can act while the page is open, which no
 *   place would prevent, but finds nothing to carry away in storage, on `window` or in the
 *   React tree. What keeps such a script out at all is the Content-Security-Policy
 *   (scripts from this origin only, Trusted Types), and `connect-src 'self'` leaves it
 *   nowhere to send what it has.
 *
 * The price of memory is that a reload logs the person out, which people hate. So at `pagehide`
 * the token is parked in sessionStorage, which is the tab's own. The next page takes it out in
 * its very first module (`boot.ts`, by `parked.ts`), before the first paint; from one to the
 * other no script of this origin runs in the tab. It lies there for longer where no page follows:
 * in a tab that went to another site, and in a closed one, whose storage a browser keeps, on disk
 * too, for as long as it offers to reopen it. Such a token is of no use once its time is over.
 */

/** Who is logged in. The token is deliberately not part of it. */
export interface Session {
  readonly username: string;
}

/** Why nobody is logged in: at first, after logging out, or because the token ran out. */
export type SignedOutReason = 'start' | 'logged-out' | 'expired';

export type SessionState =
  | { readonly session: Session; readonly reason?: never }
  | { readonly session: null; readonly reason: SignedOutReason };

let token: string | null = null;

/** Whoever it is: the prerendered pages know only that there is somebody. */
const SOMEBODY: SessionState = { session: { username: '' } };

const prerendered = (state: SessionState) => (state.session === null ? state : SOMEBODY);

let held: SessionState | undefined;

export const sessionStore = createStore<SessionState>(
  { session: null, reason: 'start' },
  (state) => held ?? prerendered(state),
);

/**
 * A prerendered page is about to be taken over: until that is done, what it shows of the session
 * stays as it is now. (React can't take a page over that turns into another meanwhile.)
 */
export function freezePrerendered(): void {
  held = prerendered(sessionStore.get());
}

function restoreSession(): void {
  try {
    const parked = takeSavedSession();
    // Coming back from the back/forward cache, the closure still has the token.
    if (parked === null || token !== null) return;
    const value = JSON.parse(parked) as { token?: unknown; username?: unknown };
    if (typeof value.token === 'string' && typeof value.username === 'string') {
      startSession(value.token, value.username);
    }
  } catch {
    // It is something else: the person logs in again.
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
 * Puts the token on a request. Answers what to call should the server say that the token is
 * no longer valid, or undefined where nobody is logged in.
 */
export function authorize(request: Request): (() => void) | undefined {
  const used = token;
  if (used === null || new URL(request.url).origin !== location.origin) return undefined;
  request.headers.set('authorization', `Bearer ${used}`);
  return () => {
    // A late 401 to an old token must not end the session that has begun since.
    if (token === used) endSession('expired');
  };
}

/** The body that asks the `validate` operation whose token this is. */
export function validationBody(): { access_token: string } {
  return { access_token: token ?? '' };
}

restoreSession();
addEventListener('pagehide', saveCurrentSession);
addEventListener('pageshow', restoreSession);

import { createStore } from '../lib/store';
import { forgetUser, saveSession, savedUser, saveUser, takeSavedSession } from './savedSession';

/*
 * The session is a cookie with the access token, which no script can read (`HttpOnly`). The gateway
 * sets it (`PUT /session`) and authorizes the app's calls by it. All tabs share it, and it outlives
 * a reload. Calls name it with the header `x-session`, which pages of other origins can't send; that
 * and `SameSite=Strict` keep them from using it.
 *
 * Only the username is in localStorage. It says that there is a session, since scripts can't see
 * the cookie, and tells other tabs when it ends.
 *
 * Some browsers don't keep such a cookie: all of them at plain-http addresses of a local network,
 * and Safari at http://localhost. There the token stays in this module's closure, which never exports
 * it; `authorize` only adds it to requests to this origin. So that a reload doesn't lose it, it is
 * saved in sessionStorage at `pagehide`, and the first module of the next page takes it out again
 * (`boot.ts`, through `savedSession.ts`). If no page follows, it stays there until it has expired.
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

const PATH = '/session';

/** Says that a request uses the cookie. */
const COOKIE_HEADERS = { 'x-session': 'cookie' } as const;

/** The token, unless it is in the cookie. */
let token: string | null = null;
let inCookie = false;
/** Changes with each session, so that a late response can't end the next one. */
let current = 0;

export const sessionStore = createStore<SessionState>({ session: null, reason: 'start' });

function restoreSession(): void {
  const { session } = sessionStore.get();
  // A page from the back/forward cache still has its session.
  if (session !== null) {
    if (inCookie && savedUser() !== session.username) endSession('logged-out');
    return;
  }
  const user = savedUser();
  if (user !== null) {
    // The cookie may have expired. Then the first call ends the session.
    inCookie = true;
    current += 1;
    sessionStore.set({ session: { username: user } });
    return;
  }
  try {
    const value = JSON.parse(takeSavedSession() ?? 'null') as {
      token?: unknown;
      username?: unknown;
    } | null;
    if (typeof value?.token === 'string' && typeof value.username === 'string') {
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

/** Starts a session. The token moves into the cookie as soon as the browser has accepted it. */
export function startSession(accessToken: string, username: string): void {
  token = accessToken;
  inCookie = false;
  current += 1;
  sessionStore.set({ session: { username } });
  void moveIntoCookie(accessToken, username);
}

async function moveIntoCookie(accessToken: string, username: string): Promise<void> {
  if (!isSecureContext) return;
  const started = current;
  try {
    const headers = { ...COOKIE_HEADERS, authorization: `Bearer ${accessToken}` };
    const begun = await fetch(PATH, { method: 'PUT', headers });
    // Not every browser keeps it.
    const kept = begun.ok && (await fetch(PATH, { headers: COOKIE_HEADERS })).ok;
    if (!kept) return;
  } catch {
    return; // The gateway can't be reached: the token stays here.
  }
  if (started === current) {
    token = null;
    inCookie = true;
    saveUser(username);
  } else if (sessionStore.get().session === null) {
    removeCookie();
  }
}

function removeCookie(): void {
  // It ends with the token in any case.
  fetch(PATH, { method: 'DELETE', headers: COOKIE_HEADERS, keepalive: true }).catch(
    () => undefined,
  );
}

export function endSession(reason: Exclude<SignedOutReason, 'start'>): void {
  token = null;
  current += 1;
  if (inCookie) {
    inCookie = false;
    forgetUser();
    removeCookie();
  }
  sessionStore.set({ session: null, reason });
}

/**
 * Authorizes a request to this origin. Returns a function to call when the server rejects it, or
 * undefined without a session.
 */
export function authorize(request: Request): (() => void) | undefined {
  if (new URL(request.url).origin !== location.origin) return undefined;
  if (token !== null) {
    request.headers.set('authorization', `Bearer ${token}`);
  } else if (inCookie) {
    for (const [name, value] of Object.entries(COOKIE_HEADERS)) request.headers.set(name, value);
  } else {
    return undefined;
  }
  const used = current;
  return () => {
    // A late 401 for an old token must not end a newer session.
    if (current === used) endSession('expired');
  };
}

/** The id of the cookie's user, or undefined if the session isn't in a cookie. */
export async function cookieUserId(): Promise<string | undefined> {
  if (!inCookie) return undefined;
  const response = await fetch(PATH, { headers: COOKIE_HEADERS });
  if (response.status === 401) endSession('expired');
  if (!response.ok) throw new Error(`the session's user is unknown: status ${response.status}`);
  const { user_id } = (await response.json()) as { user_id: string };
  return user_id;
}

/** The request body with which the `validate` operation looks up the token's user. */
export function validationBody(): { access_token: string } {
  return { access_token: token ?? '' };
}

/** Follows another tab that logs in or out. */
function followOtherTabs(): void {
  const { session } = sessionStore.get();
  const user = savedUser();
  if (user === session?.username) return;
  if (inCookie || user !== null) {
    // The cookie is the other tab's by now, so it isn't removed here.
    token = null;
    inCookie = false;
    current += 1;
    sessionStore.set({ session: null, reason: 'logged-out' });
  }
  if (user !== null) restoreSession();
}

restoreSession();
addEventListener('pagehide', saveCurrentSession);
addEventListener('pageshow', restoreSession);
addEventListener('storage', followOtherTabs);

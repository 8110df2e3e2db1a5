import { afterEach, expect, it, vi } from 'vitest';
import { stored } from '../test/storage';
import { authorize, endSession, sessionStore, startSession } from './session';

const request = (url = '/rest/pictures') => new Request(new URL(url, location.href));

/** A gateway with a cookie that scripts can't see, and a browser that may not keep it. */
function cookieGateway(keeps = true) {
  let cookie = '';
  const calls: string[] = [];
  const answer = (status: number) => Promise.resolve(new Response(null, { status }));
  vi.stubGlobal('isSecureContext', true);
  vi.stubGlobal('fetch', (path: string, { method = 'GET', headers }: RequestInit) => {
    const given = new Headers(headers);
    if (path !== '/session' || given.get('x-session') !== 'cookie') return answer(404);
    calls.push(method);
    if (method === 'PUT' && keeps) cookie = given.get('authorization') ?? '';
    if (method === 'DELETE') cookie = '';
    return answer(method !== 'GET' ? 204 : cookie === '' ? 401 : 200);
  });
  return { calls, cookie: () => cookie };
}

const usesCookie = () => {
  const own = request();
  authorize(own);
  return own.headers.get('x-session') === 'cookie' && !own.headers.has('authorization');
};

/** Loads the module as the next page or another tab does. */
async function nextPage() {
  vi.resetModules();
  return import('./session');
}

afterEach(() => {
  endSession('logged-out');
});

it('moves the token into the cookie, out of reach of scripts', async () => {
  const gateway = cookieGateway();
  startSession('secret', 'ada');
  // Calls don't wait for the cookie.
  const early = request();
  authorize(early);
  expect(early.headers.get('authorization')).toBe('Bearer secret');
  await expect.poll(usesCookie).toBe(true);
  expect(gateway.cookie()).toBe('Bearer secret');
  dispatchEvent(new Event('pagehide'));
  expect(stored()).not.toContain('secret');
});

it('is shared with new tabs and survives a reload', async () => {
  cookieGateway();
  startSession('secret', 'ada');
  await expect.poll(usesCookie).toBe(true);
  const next = await nextPage();
  expect(next.sessionStore.get().session).toEqual({ username: 'ada' });
  const own = request();
  next.authorize(own);
  expect(own.headers.get('x-session')).toBe('cookie');
});

it('ends in every tab', async () => {
  const gateway = cookieGateway();
  startSession('secret', 'ada');
  await expect.poll(usesCookie).toBe(true);
  const other = await nextPage();
  endSession('logged-out');
  expect(gateway.calls.at(-1)).toBe('DELETE');
  const calls = gateway.calls.length;
  // Browsers tell the other tabs.
  dispatchEvent(new Event('storage'));
  expect(other.sessionStore.get()).toEqual({ session: null, reason: 'logged-out' });
  expect(gateway.calls).toHaveLength(calls);
});

it('removes the cookie of a session that ended before the browser had it', async () => {
  const gateway = cookieGateway();
  startSession('secret', 'ada');
  endSession('logged-out');
  await expect.poll(gateway.calls.at.bind(gateway.calls, -1)).toBe('DELETE');
  expect(gateway.cookie()).toBe('');
  expect(stored()).not.toContain('ada');
});

it('keeps the token where the browser keeps no cookie', async () => {
  const gateway = cookieGateway(false);
  startSession('secret', 'ada');
  await expect.poll(() => gateway.calls).toEqual(['PUT', 'GET']);
  const own = request();
  authorize(own);
  expect(own.headers.get('authorization')).toBe('Bearer secret');
});

it('sends the token to this origin only and stores it nowhere', () => {
  startSession('secret', 'ada');
  const own = request();
  expect(authorize(own)).toBeTypeOf('function');
  expect(own.headers.get('authorization')).toBe('Bearer secret');
  const foreign = request('https://elsewhere.example/rest/pictures');
  expect(authorize(foreign)).toBeUndefined();
  expect(foreign.headers.get('authorization')).toBeNull();
  expect(stored()).not.toContain('secret');
  expect(JSON.stringify(sessionStore.get())).not.toContain('secret');
});

it('survives a reload without a cookie and is stored only during it', async () => {
  startSession('secret', 'ada');
  dispatchEvent(new Event('pagehide'));
  expect(stored()).toContain('secret');
  // A new page starts with nothing in memory.
  const next = await nextPage();
  expect(stored()).not.toContain('secret');
  expect(next.sessionStore.get().session).toEqual({ username: 'ada' });
  const own = request();
  next.authorize(own);
  expect(own.headers.get('authorization')).toBe('Bearer secret');
  next.endSession('logged-out');
});

it('saves nothing after logging out', () => {
  startSession('secret', 'ada');
  endSession('logged-out');
  dispatchEvent(new Event('pagehide'));
  expect(stored()).not.toContain('secret');
});

it('ends when its own token is rejected, not an earlier one', () => {
  startSession('first', 'ada');
  const expireFirst = authorize(request());
  startSession('second', 'ada');
  expireFirst?.();
  expect(sessionStore.get().session).not.toBeNull();
  authorize(request())?.();
  expect(sessionStore.get()).toEqual({ session: null, reason: 'expired' });
});

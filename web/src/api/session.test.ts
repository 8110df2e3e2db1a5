import { expect, it, vi } from 'vitest';
import { stored } from '../test/storage';
import { authorize, endSession, sessionStore, startSession } from './session';

const request = (url = '/rest/pictures') => new Request(new URL(url, location.href));

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

it('survives a reload and is stored only during it', async () => {
  startSession('secret', 'ada');
  dispatchEvent(new Event('pagehide'));
  expect(stored()).toContain('secret');
  // A new page starts with nothing in memory.
  vi.resetModules();
  const next = await import('./session');
  expect(stored()).not.toContain('secret');
  expect(next.sessionStore.get().session).toEqual({ username: 'ada' });
  const own = request();
  next.authorize(own);
  expect(own.headers.get('authorization')).toBe('Bearer secret');
  next.endSession('logged-out');
});

it('survives the back/forward cache', () => {
  startSession('secret', 'ada');
  dispatchEvent(new Event('pagehide'));
  dispatchEvent(new Event('pageshow'));
  expect(stored()).not.toContain('secret');
  expect(sessionStore.get().session).toEqual({ username: 'ada' });
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

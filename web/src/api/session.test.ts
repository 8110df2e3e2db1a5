import { expect, it, vi } from 'vitest';
import { stored } from '../test/storage';
import { authorize, endSession, sessionStore, startSession } from './session';

const request = (url = '/rest/pictures') => new Request(new URL(url, location.href));

it('puts the token on requests to this origin only, and in no storage', () => {
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

it('survives a reload, parked for just that long', async () => {
  startSession('secret', 'ada');
  dispatchEvent(new Event('pagehide'));
  expect(stored()).toContain('secret');
  // A page that has nothing in memory.
  vi.resetModules();
  const next = await import('./session');
  expect(stored()).not.toContain('secret');
  expect(next.sessionStore.get().session).toEqual({ username: 'ada' });
  const own = request();
  next.authorize(own);
  expect(own.headers.get('authorization')).toBe('Bearer secret');
  next.endSession('logged-out');
});

it('is the same when the browser brings the page back as it was', () => {
  startSession('secret', 'ada');
  dispatchEvent(new Event('pagehide'));
  dispatchEvent(new Event('pageshow'));
  expect(stored()).not.toContain('secret');
  expect(sessionStore.get().session).toEqual({ username: 'ada' });
});

it('parks nothing once logged out', () => {
  startSession('secret', 'ada');
  endSession('logged-out');
  dispatchEvent(new Event('pagehide'));
  expect(stored()).not.toContain('secret');
});

it('ends by the refusal of its own token, not of an earlier one', () => {
  startSession('first', 'ada');
  const expireFirst = authorize(request());
  startSession('second', 'ada');
  expireFirst?.();
  expect(sessionStore.get().session).not.toBeNull();
  authorize(request())?.();
  expect(sessionStore.get()).toEqual({ session: null, reason: 'expired' });
});

import { afterEach, expect, it, vi } from 'vitest';
import { askAhead, askedAhead, forgetAhead } from './ahead';
import { endSession, startSession } from './session';

afterEach(forgetAhead);

it('asks once for what is shown later, and anew from then on', async () => {
  const ask = vi.fn(() => Promise.resolve('ahead'));
  const again = vi.fn(() => Promise.resolve('now'));
  askAhead(['list'], ask);
  expect(await askedAhead(['list'], again)).toBe('ahead');
  expect(await askedAhead(['list'], again)).toBe('now');
  expect(ask).toHaveBeenCalledOnce();
  expect(again).toHaveBeenCalledOnce();
});

it('gives a failure to whoever shows it', async () => {
  askAhead(['list'], () => Promise.reject(new Error('down')));
  await expect(askedAhead(['list'], () => Promise.resolve('now'))).rejects.toThrow('down');
});

it('forgets what was asked for somebody else', async () => {
  askAhead(['list'], () => Promise.resolve('theirs'));
  startSession('token', 'somebody else');
  expect(await askedAhead(['list'], () => Promise.resolve('mine'))).toBe('mine');
});

it('forgets the refusal that ended a session', async () => {
  startSession('token', 'ada');
  askAhead(['list'], () => Promise.reject(new Error('unauthenticated')));
  endSession('expired');
  expect(await askedAhead(['list'], () => Promise.resolve('mine'))).toBe('mine');
});

it('does not show what is long past', async () => {
  vi.useFakeTimers();
  askAhead(['list'], () => Promise.resolve('old'));
  await vi.advanceTimersByTimeAsync(31_000);
  expect(await askedAhead(['list'], () => Promise.resolve('new'))).toBe('new');
  vi.useRealTimers();
});

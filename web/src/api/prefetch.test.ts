import { afterEach, expect, it, vi } from 'vitest';
import { prefetch, takePrefetched, clearPrefetched } from './prefetch';
import { endSession, startSession } from './session';

afterEach(clearPrefetched);

it('asks once for what is shown later, and anew from then on', async () => {
  const ask = vi.fn(() => Promise.resolve('ahead'));
  const again = vi.fn(() => Promise.resolve('now'));
  prefetch(['list'], ask);
  expect(await takePrefetched(['list'], again)).toBe('ahead');
  expect(await takePrefetched(['list'], again)).toBe('now');
  expect(ask).toHaveBeenCalledOnce();
  expect(again).toHaveBeenCalledOnce();
});

it('gives a failure to whoever shows it', async () => {
  prefetch(['list'], () => Promise.reject(new Error('down')));
  await expect(takePrefetched(['list'], () => Promise.resolve('now'))).rejects.toThrow('down');
});

it('forgets what was asked for somebody else', async () => {
  prefetch(['list'], () => Promise.resolve('theirs'));
  startSession('token', 'somebody else');
  expect(await takePrefetched(['list'], () => Promise.resolve('mine'))).toBe('mine');
});

it('forgets the refusal that ended a session', async () => {
  startSession('token', 'ada');
  prefetch(['list'], () => Promise.reject(new Error('unauthenticated')));
  endSession('expired');
  expect(await takePrefetched(['list'], () => Promise.resolve('mine'))).toBe('mine');
});

it('does not show what is long past', async () => {
  vi.useFakeTimers();
  prefetch(['list'], () => Promise.resolve('old'));
  await vi.advanceTimersByTimeAsync(31_000);
  expect(await takePrefetched(['list'], () => Promise.resolve('new'))).toBe('new');
  vi.useRealTimers();
});

import { afterEach, expect, it, vi } from 'vitest';
import { clearPrefetched, prefetch, takePrefetched } from './prefetch';
import { endSession, startSession } from './session';

afterEach(clearPrefetched);

it('hands out a prefetched response once', async () => {
  const early = vi.fn(() => Promise.resolve('prefetched'));
  const late = vi.fn(() => Promise.resolve('new'));
  prefetch(['list'], early);
  expect(await takePrefetched(['list'], late)).toBe('prefetched');
  expect(await takePrefetched(['list'], late)).toBe('new');
  expect(early).toHaveBeenCalledOnce();
  expect(late).toHaveBeenCalledOnce();
});

it('passes a failure to the query that takes the response', async () => {
  prefetch(['list'], () => Promise.reject(new Error('down')));
  await expect(takePrefetched(['list'], () => Promise.resolve('new'))).rejects.toThrow('down');
});

it('discards responses when another user logs in', async () => {
  prefetch(['list'], () => Promise.resolve('theirs'));
  startSession('token', 'another user');
  expect(await takePrefetched(['list'], () => Promise.resolve('mine'))).toBe('mine');
});

it('discards the rejection that ended a session', async () => {
  startSession('token', 'ada');
  prefetch(['list'], () => Promise.reject(new Error('unauthenticated')));
  endSession('expired');
  expect(await takePrefetched(['list'], () => Promise.resolve('mine'))).toBe('mine');
});

it('discards responses that are too old', async () => {
  vi.useFakeTimers();
  prefetch(['list'], () => Promise.resolve('old'));
  await vi.advanceTimersByTimeAsync(31_000);
  expect(await takePrefetched(['list'], () => Promise.resolve('new'))).toBe('new');
  vi.useRealTimers();
});

import { expect, it } from 'vitest';
import { formatAgo, formatBytes, formatDateTime, formatMs, formatShare } from './format';

it.each([
  [0, '0 B'],
  [1023, '1023 B'],
  [1536, '1.5 KB'],
  [4 * 1024 * 1024, '4 MB'],
])('formats %i bytes as %s', (bytes, text) => expect(formatBytes(bytes)).toBe(text));

it.each([
  [0.42, '0.4 ms'],
  [9.96, '10 ms'],
  [1234.5, '1,235 ms'],
  [12_340, '12.3 s'],
])('formats %d ms as %s', (ms, text) => expect(formatMs(ms)).toBe(text));

it('formats shares, also of an empty whole', () => {
  expect(formatShare(1, 8)).toBe('12.5%');
  expect(formatShare(0, 0)).toBe('0%');
});

it('formats relative times', () => {
  const now = new Date('2026-05-20T12:00:00Z');
  const ago = (seconds: number) => formatAgo(new Date(now.getTime() - seconds * 1000), now);
  expect(ago(5)).toBe('just now');
  expect(ago(-5)).toBe('just now');
  expect(ago(180)).toBe('3 min. ago');
  expect(ago(86_400)).toBe('yesterday');
  expect(ago(30 * 86_400)).toBe('Apr 20, 2026');
});

it('formats an invalid time as a dash', () => {
  expect(formatDateTime(new Date(Number.NaN))).toBe('–');
});

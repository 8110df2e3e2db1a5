import { expect, it } from 'vitest';
import { dayOf, formatDay, formatMonth, formatTaken, monthOf } from './dates';

const late = { taken_at: '2026-07-31T23:30:00-07:00', created_at: '2026-08-02T10:00:00Z' };

it('files a picture under the local day of the place where it was taken', () => {
  expect(dayOf(late, 'taken')).toBe('2026-07-31');
  expect(monthOf(late, 'taken')).toBe('2026-07');
});

it('files it under its upload if asked to, or if nothing else is known', () => {
  expect(dayOf(late, 'created')).toBe('2026-08-02');
  expect(monthOf({ ...late, taken_at: '' }, 'taken')).toBe('2026-08');
});

it('formats days, months and moments without moving them to another time zone', () => {
  const now = new Date('2026-09-01T00:00:00Z');
  expect(formatDay('2026-07-14', now)).toBe('Tue, July 14');
  expect(formatDay('2019-12-31', now)).toBe('Tue, December 31, 2019');
  expect(formatDay('nonsense', now)).toBe('Unknown day');
  expect(formatMonth('2026-07')).toBe('July 2026');
  expect(formatTaken('2026-07-14T18:03:21.25+02:00')).toContain('6:03');
  expect(formatTaken('2026-07-14T18:03:21+02:00')).toMatch(/\(UTC\+02:00\)$/);
});

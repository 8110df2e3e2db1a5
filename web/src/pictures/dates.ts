import type { Order } from '../api/queryKeys';

/** What decides a picture's place in the timeline. */
export interface Dated {
  /** Local time of the place where it was taken, or empty. */
  readonly taken_at: string;
  readonly created_at: string;
}

/**
 * The moment that a picture is filed under: in the order `taken`, the local time of the place where it
 * was taken, or the upload in UTC if that isn't known. The service files it the same way.
 */
export function filedAt({ taken_at, created_at }: Dated, order: Order): string {
  return order === 'taken' && taken_at !== '' ? taken_at : created_at;
}

/** The month of a picture, for example `2026-07`. */
export function monthOf(picture: Dated, order: Order): string {
  return filedAt(picture, order).slice(0, 7);
}

/** The day of a picture where it was taken, for example `2026-07-14`. */
export function dayOf(picture: Dated, order: Order): string {
  return filedAt(picture, order).slice(0, 10);
}

// The dates below are local to a place that isn't known, so they are formatted as if they were UTC.
const format = (options: Intl.DateTimeFormatOptions) =>
  new Intl.DateTimeFormat('en', { timeZone: 'UTC', ...options });
const thisYear = format({ weekday: 'short', day: 'numeric', month: 'long' });
const otherYear = format({ weekday: 'short', day: 'numeric', month: 'long', year: 'numeric' });
const month = format({ month: 'long', year: 'numeric' });
const moment = format({ dateStyle: 'full', timeStyle: 'short' });

/** Formats a day like `Tue, July 14`, with the year unless it is this one. */
export function formatDay(day: string, now = new Date()): string {
  const date = new Date(`${day}T00:00:00Z`);
  if (Number.isNaN(date.getTime())) return 'Unknown day';
  return (date.getUTCFullYear() === now.getFullYear() ? thisYear : otherYear).format(date);
}

/** Formats a month like `July 2026`. */
export function formatMonth(value: string): string {
  const date = new Date(`${value}-01T00:00:00Z`);
  return Number.isNaN(date.getTime()) ? 'Unknown month' : month.format(date);
}

/** Formats when a picture was taken, by the clock of the place where it was taken. */
export function formatTaken(takenAt: string): string {
  const date = new Date(`${takenAt.slice(0, 19)}Z`);
  if (Number.isNaN(date.getTime())) return '–';
  const offset = /[+-]\d\d:\d\d$/.exec(takenAt)?.[0];
  return offset === undefined ? moment.format(date) : `${moment.format(date)} (UTC${offset})`;
}

/** Formats sizes, times and durations the same way throughout the app. */

const number = new Intl.NumberFormat('en');
const oneDecimal = new Intl.NumberFormat('en', { maximumFractionDigits: 1 });
const percent = new Intl.NumberFormat('en', { style: 'percent', maximumFractionDigits: 1 });
const dateTime = new Intl.DateTimeFormat('en', { dateStyle: 'medium', timeStyle: 'short' });
const preciseTime = new Intl.DateTimeFormat('en', {
  month: 'short',
  day: 'numeric',
  hour: '2-digit',
  minute: '2-digit',
  second: '2-digit',
  hourCycle: 'h23',
});
const relative = new Intl.RelativeTimeFormat('en', { numeric: 'auto', style: 'short' });

/** Shown for a missing or invalid time. */
const UNKNOWN = '–';

function isInvalid(date: Date): boolean {
  return Number.isNaN(date.getTime());
}

export function formatCount(count: number): string {
  return number.format(count);
}

export function formatShare(part: number, whole: number): string {
  return percent.format(whole === 0 ? 0 : part / whole);
}

/** Formats bytes in units of 1024, like file managers do. */
export function formatBytes(bytes: number): string {
  if (bytes < 1024) return `${bytes} B`;
  const kilo = bytes / 1024;
  return kilo < 1024 ? `${oneDecimal.format(kilo)} KB` : `${oneDecimal.format(kilo / 1024)} MB`;
}

export function formatMs(ms: number): string {
  if (ms >= 10_000) return `${oneDecimal.format(ms / 1000)} s`;
  return `${ms < 10 ? oneDecimal.format(ms) : number.format(Math.round(ms))} ms`;
}

/** Formats a time that remains: seconds up to a minute, then minutes. */
export function formatSeconds(seconds: number): string {
  if (seconds < 60) return `${Math.max(1, Math.round(seconds))} s`;
  if (seconds < 3_600) return `${Math.round(seconds / 60)} min`;
  return `${oneDecimal.format(seconds / 3_600)} h`;
}

export function formatDateTime(date: Date): string {
  if (isInvalid(date)) return UNKNOWN;
  return dateTime.format(date);
}

export function formatPreciseTime(date: Date): string {
  if (isInvalid(date)) return UNKNOWN;
  return preciseTime.format(date);
}

const STEPS = [
  ['day', 86_400_000],
  ['hour', 3_600_000],
  ['minute', 60_000],
] as const;

/** Formats a relative time such as "2 hr. ago", or a date if it is more than a week ago. */
export function formatAgo(date: Date, now = new Date()): string {
  if (isInvalid(date)) return UNKNOWN;
  const ms = date.getTime() - now.getTime();
  if (ms < -7 * 86_400_000) return date.toLocaleDateString('en', { dateStyle: 'medium' });
  for (const [unit, length] of STEPS) {
    if (-ms >= length) return relative.format(Math.round(ms / length), unit);
  }
  return 'just now';
}

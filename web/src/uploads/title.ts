import { LIMITS } from '../lib/limits';

/** Derives a picture's initial title from its file name. */
export function titleOf(name: string): string {
  const cleaned = cleanTitle(words(name.replace(/\.[A-Za-z0-9]{1,5}$/, ''))).trim();
  return cleaned === '' ? 'Untitled' : cleaned;
}

/** Replaces underscores, and dashes between letters, with spaces. Dates keep their dashes. */
function words(name: string): string {
  return name.replaceAll('_', ' ').replace(/(?<=\p{L})-(?=\p{L})/gu, ' ');
}

/** Makes a title valid for the contract: one line without control characters, limited in length. */
export function cleanTitle(title: string): string {
  // eslint-disable-next-line no-control-regex -- removes control characters
  const oneLine = title.replace(/[\u0000-\u001f\u007f-\u009f]+/g, ' ');
  // The contract counts code points, not UTF-16 units: an emoji is one.
  return Array.from(oneLine).slice(0, LIMITS.titleLength).join('');
}

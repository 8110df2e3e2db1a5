import { LIMITS } from '../limits';

/** A first title for a picture: its file name without the ending. */
export function titleOf(name: string): string {
  const cleaned = cleanTitle(words(name.replace(/\.[A-Za-z0-9]{1,5}$/, ''))).trim();
  return cleaned === '' ? 'Untitled' : cleaned;
}

/** Underscores and dashes that stand for spaces; a date keeps its dashes. */
function words(name: string): string {
  return name.replaceAll('_', ' ').replace(/(?<=\p{L})-(?=\p{L})/gu, ' ');
}

/** What the contract takes as a title: one line without control characters, of limited length. */
export function cleanTitle(title: string): string {
  // eslint-disable-next-line no-control-regex -- control characters are what is being removed
  const oneLine = title.replace(/[\u0000-\u001f\u007f-\u009f]+/g, ' ');
  // The contract counts characters, not UTF-16 units: an emoji is one.
  return Array.from(oneLine).slice(0, LIMITS.titleLength).join('');
}

/** The longest name in bytes. File systems allow 255, and programs add endings. */
const MAX_BYTES = 200;

/** Names that Windows reserves for devices, whatever their ending. */
const RESERVED = /^(con|prn|aux|nul|com[0-9]|lpt[0-9])$/i;

/** Gives every file of an archive a name of its own, also where case doesn't count. */
export class FileNames {
  private readonly taken = new Set<string>();

  /**
   * Returns a name that no file has had yet. `title` may be any text; `ending` is the file's ending
   * without the dot, or empty.
   */
  take(title: string, ending: string): string {
    const suffix = ending === '' ? '' : `.${ending}`;
    const stem = clean(title);
    for (let number = 1; ; number++) {
      const mark = number === 1 ? '' : ` (${number})`;
      const name = shorten(stem, MAX_BYTES - (mark + suffix).length) + mark + suffix;
      // Some file systems don't tell `É` as one character from `E` with an accent either.
      const key = name.normalize('NFC').toLowerCase();
      if (this.taken.has(key)) continue;
      this.taken.add(key);
      return name;
    }
  }
}

/** Replaces what file systems forbid, and what hides a name's true ending. */
function clean(title: string): string {
  const name = title
    .normalize('NFC')
    // Characters that change the direction of the text after them, and invisible ones.
    .replace(/[\p{Cf}\p{Zl}\p{Zp}]/gu, '')
    // eslint-disable-next-line no-control-regex -- replaces control characters
    .replace(/[\u0000-\u001f\u007f-\u009f<>:"/\\|?*]+/g, '-')
    .replace(/^[. ]+|[. ]+$/g, '');
  if (name === '') return 'picture';
  return RESERVED.test(name.split('.')[0]?.trim() ?? '') ? `_${name}` : name;
}

/** Cuts a text to a number of bytes of UTF-8, between characters. */
function shorten(text: string, bytes: number): string {
  const encoder = new TextEncoder();
  let size = 0;
  let result = '';
  for (const { segment } of new Intl.Segmenter(undefined).segment(text)) {
    size += encoder.encode(segment).length;
    if (size > bytes) return result.replace(/[. ]+$/, '');
    result += segment;
  }
  return result;
}

const ascii = (text: string) => Array.from(text, (char) => char.charCodeAt(0));

/** The first bytes of a file of each kind, just enough to identify it. */
export const HEADS = {
  png: [0x89, ...ascii('PNG\r\n\u001a\n'), 0, 0, 0, 13, ...ascii('IHDR')],
  jpeg: [0xff, 0xd8, 0xff, 0xe0, 0, 16, ...ascii('JFIF')],
  gif: ascii('GIF89a'),
  webp: [...ascii('RIFF'), 36, 0, 0, 0, ...ascii('WEBPVP8 ')],
  avif: [0, 0, 0, 28, ...ascii('ftypavif'), 0, 0, 0, 0, ...ascii('mif1miafMA1B')],
  avifCompatible: [0, 0, 0, 24, ...ascii('ftypmif1'), 0, 0, 0, 0, ...ascii('miafavif')],
  heic: [0, 0, 0, 24, ...ascii('ftypheic'), 0, 0, 0, 0, ...ascii('mif1heic')],
  mp4: [0, 0, 0, 24, ...ascii('ftypisom'), 0, 0, 0, 0, ...ascii('isomavc1')],
  pdf: ascii('%PDF-1.7'),
  svg: ascii('<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg"/>'),
  text: ascii('just some words'),
} as const;

/** A file of a kind, padded to a size. */
export function fileOf(kind: keyof typeof HEADS, name: string, size = 512): File {
  const bytes = new Uint8Array(Math.max(size, HEADS[kind].length));
  bytes.set(HEADS[kind]);
  return new File([bytes], name);
}

/** The base64 of a minimal file of a kind. */
export function base64Of(kind: keyof typeof HEADS): string {
  return btoa(String.fromCharCode(...HEADS[kind], 0, 0, 0, 0));
}

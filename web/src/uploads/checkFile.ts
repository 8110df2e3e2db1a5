import { formatBytes } from '../lib/format';
import { LIMITS } from '../lib/limits';
import type { ImageType } from '../pictures/image';

export type FileCheck =
  { readonly ok: true; readonly type: ImageType } | { readonly ok: false; readonly reason: string };

export const ACCEPTED_TYPES = 'PNG, JPEG, GIF, WebP or AVIF';

/** Covers every signature below. An AVIF file lists its brands in its first box. */
const HEAD_BYTES = 256;

const TENTH_OF_MB = (1024 * 1024) / 10;

/** Checks by size and first bytes whether the service would accept a file. */
export async function checkFile(file: Blob): Promise<FileCheck> {
  if (file.size === 0) return { ok: false, reason: 'The file is empty.' };
  let head: Uint8Array;
  try {
    head = new Uint8Array(await file.slice(0, HEAD_BYTES).arrayBuffer());
  } catch {
    // A folder, or a file that was moved after it was chosen.
    return { ok: false, reason: 'The file can’t be read. Choose it again.' };
  }
  const type = imageTypeOf(head);
  if (type === undefined) {
    const found = otherTypeOf(head);
    const what = found === undefined ? 'This is not a picture' : `This is ${found}`;
    return { ok: false, reason: `${what}. ${ACCEPTED_TYPES} can be uploaded.` };
  }
  if (file.size > LIMITS.pictureBytes) {
    const limit = formatBytes(LIMITS.pictureBytes);
    // Rounded up, so that a file just over the limit isn't shown with the limit's size.
    const size = formatBytes(Math.ceil(file.size / TENTH_OF_MB) * TENTH_OF_MB);
    return { ok: false, reason: `Too large: ${size}. The limit is ${limit}.` };
  }
  return { ok: true, type };
}

/** Detects the type from the bytes. The file name and the browser's guess from it can be wrong. */
export function imageTypeOf(head: Uint8Array): ImageType | undefined {
  if (startsWith(head, [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a])) return 'image/png';
  if (startsWith(head, [0xff, 0xd8, 0xff])) return 'image/jpeg';
  const text = ascii(head, 0, 6);
  if (text === 'GIF87a' || text === 'GIF89a') return 'image/gif';
  if (ascii(head, 0, 4) === 'RIFF' && ascii(head, 8, 12) === 'WEBP') return 'image/webp';
  if (brandsOf(head).some((brand) => brand === 'avif' || brand === 'avis')) return 'image/avif';
  return undefined;
}

/** Names other types that people are likely to try. */
function otherTypeOf(head: Uint8Array): string | undefined {
  if (ascii(head, 0, 5) === '%PDF-') return 'a PDF';
  if (ascii(head, 0, 2) === 'BM') return 'a BMP picture';
  if (['II*\0', 'MM\0*'].includes(ascii(head, 0, 4))) return 'a TIFF or camera raw picture';
  if (ascii(head, 0, 2) === 'PK') return 'an archive or office document';
  const brands = brandsOf(head);
  if (brands.some((brand) => ['heic', 'heix', 'mif1', 'msf1'].includes(brand))) {
    return 'a HEIC picture';
  }
  if (brands.length > 0) return 'a video';
  if (/^\s*(<\?xml[^>]*>\s*)?(<!--|<!doctype svg|<svg)/i.test(ascii(head, 0, head.length))) {
    return 'an SVG drawing';
  }
  return undefined;
}

/** The brands in the `ftyp` box of an ISO media file (ISO/IEC 14496-12): major, then compatible. */
function brandsOf(head: Uint8Array): string[] {
  if (head.length < 12 || ascii(head, 4, 8) !== 'ftyp') return [];
  const size = new DataView(head.buffer, head.byteOffset).getUint32(0);
  const brands = [ascii(head, 8, 12)];
  for (let at = 16; at + 4 <= Math.min(size, head.length); at += 4) {
    brands.push(ascii(head, at, at + 4));
  }
  return brands;
}

function startsWith(head: Uint8Array, signature: readonly number[]): boolean {
  return signature.every((byte, index) => head[index] === byte);
}

function ascii(head: Uint8Array, from: number, to: number): string {
  return String.fromCharCode(...head.subarray(from, to));
}

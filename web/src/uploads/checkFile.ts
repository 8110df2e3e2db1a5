import { formatBytes } from '../lib/format';
import { LIMITS } from '../lib/limits';
import type { ImageType } from '../pictures/image';

export type FileCheck =
  | { readonly ok: true; readonly type: ImageType }
  | {
      readonly ok: false;
      readonly reason: string;
      /** Whether the browser may be able to convert it to a picture that can be uploaded. */
      readonly convertible?: boolean;
    };

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
    return refusalOf(head);
  }
  if (file.size > LIMITS.pictureBytes) {
    const limit = formatBytes(LIMITS.pictureBytes);
    // Rounded up, so that a file just over the limit isn't shown with the limit's size.
    const size = formatBytes(Math.ceil(file.size / TENTH_OF_MB) * TENTH_OF_MB);
    return {
      ok: false,
      reason: `Too large: ${size}. The limit is ${limit}. Save it as JPEG or in a smaller size.`,
    };
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

/** Names what people are likely to try, and the way out. */
function refusalOf(head: Uint8Array): FileCheck {
  const refuse = (what: string, way: string) => ({ ok: false, reason: `${what}. ${way}` }) as const;
  const asPng = 'Save it as PNG or JPEG and upload that.';
  if (ascii(head, 0, 5) === '%PDF-') {
    return refuse('This is a PDF', 'Upload a screenshot, or export its pages as PNG or JPEG.');
  }
  if (ascii(head, 0, 2) === 'BM') return refuse('This is a BMP picture', asPng);
  if (['II*\0', 'MM\0*'].includes(ascii(head, 0, 4))) {
    return refuse('This is a TIFF or camera raw picture', 'Export it as JPEG and upload that.');
  }
  if (ascii(head, 0, 2) === 'PK') {
    return refuse(
      'This is an archive or office document',
      'Take the pictures out of it and upload those.',
    );
  }
  const brands = brandsOf(head);
  if (brands.some((brand) => ['heic', 'heix', 'mif1', 'msf1'].includes(brand))) {
    const way =
      'On an iPhone, choose Settings, Camera, Formats, Most Compatible for new photos. ' +
      'Export this one as JPEG.';
    return {
      ...refuse('This is a HEIC picture, which this browser can’t convert', way),
      convertible: true,
    };
  }
  if (brands.length > 0) return refuse('This is a video', 'Only pictures can be uploaded.');
  if (/^\s*(<\?xml[^>]*>\s*)?(<!--|<!doctype svg|<svg)/i.test(ascii(head, 0, head.length))) {
    return refuse('This is an SVG drawing', asPng);
  }
  return refuse('This is not a picture', `${ACCEPTED_TYPES} can be uploaded.`);
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

import { randomBytes } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { crc32, deflateSync } from 'node:zlib';

const folder = fileURLToPath(new URL('../fixtures/', import.meta.url));

/** One real file of each type that the service accepts. */
export const FIXTURES = [
  { file: 'Evening_over_the_hills.jpg', title: 'Evening over the hills', type: 'JPEG' },
  { file: 'green-valley.png', title: 'green valley', type: 'PNG' },
  { file: 'turning.gif', title: 'turning', type: 'GIF' },
  { file: 'rose haze.webp', title: 'rose haze', type: 'WebP' },
  { file: 'blue-hour.avif', title: 'blue hour', type: 'AVIF' },
].map((fixture) => ({ ...fixture, path: join(folder, fixture.file) }));

export const bytesOf = (path: string) => readFileSync(path);

let made: string | undefined;

/** Writes a temporary file (see `removeTemporaryFiles`) and returns its path. */
export function temporaryFile(name: string, bytes: Uint8Array): string {
  made ??= mkdtempSync(join(tmpdir(), 'trichrome-e2e-'));
  const path = join(made, name);
  writeFileSync(path, bytes);
  return path;
}

export function removeTemporaryFiles(): void {
  if (made !== undefined) rmSync(made, { recursive: true });
  made = undefined;
}

/** A real PNG of noise. It doesn't compress, so it has about three bytes per pixel. */
export function noisePng(width: number, height: number): Buffer {
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  header.set([8, 2, 0, 0, 0], 8); // eight bits, RGB, no interlacing
  const rows = Array.from({ length: height }, () =>
    Buffer.concat([Buffer.from([0]), randomBytes(width * 3)]),
  );
  return Buffer.concat([
    Buffer.from('\x89PNG\r\n\x1a\n', 'latin1'),
    chunk('IHDR', header),
    chunk('IDAT', deflateSync(Buffer.concat(rows), { level: 1 })),
    chunk('IEND', Buffer.alloc(0)),
  ]);
}

/** Marks a JPEG as turned by an EXIF orientation, from 1 to 8. */
export function orient(jpeg: Buffer, orientation: number): Buffer {
  const tiff = Buffer.from('4d4d002a00000008000101120003000000010000000000000000', 'hex');
  tiff.writeUInt16BE(orientation, 18);
  const exif = Buffer.concat([Buffer.from('Exif\0\0', 'latin1'), tiff]);
  const head = Buffer.from([0xff, 0xe1, 0, 0]);
  head.writeUInt16BE(exif.length + 2, 2);
  return Buffer.concat([jpeg.subarray(0, 2), head, exif, jpeg.subarray(2)]);
}

function chunk(type: string, data: Buffer): Buffer {
  const body = Buffer.concat([Buffer.from(type, 'latin1'), data]);
  const length = Buffer.alloc(4);
  length.writeUInt32BE(data.length);
  const check = Buffer.alloc(4);
  check.writeUInt32BE(crc32(body));
  return Buffer.concat([length, body, check]);
}

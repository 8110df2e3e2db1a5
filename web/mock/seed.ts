import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { crc32, deflateSync } from 'node:zlib';
import type { LogEntry } from '../src/api/types';
import { titleOf } from '../src/uploads/title';
import type { MockBackend } from './backend';

/** The mock server's user, so that trying the app needs no signup. */
export const DEMO = { username: 'demo', password: 'demo-password' } as const;

/** Fills a mock backend with the pictures of a folder and with a day of calls. */
export async function seed(backend: MockBackend, folder: string): Promise<void> {
  backend.addUser(DEMO.username, DEMO.password);
  const names = (await readdir(folder)).filter((name) =>
    /\.(png|jpe?g|gif|webp|avif)$/i.test(name),
  );
  for (const [index, name] of names.entries()) {
    const base64 = (await readFile(join(folder, name))).toString('base64');
    const at = new Date(Date.now() - (names.length - index) * 5.3 * 3_600_000);
    backend.addPicture(DEMO.username, titleOf(name), base64, at);
  }
  backend.addLogs(calls(900));
}

function calls(count: number): LogEntry[] {
  // Deterministic: the same calls on every run, most of them around the middle of the day.
  let state = 42;
  const random = () => {
    state = (state * 1_103_515_245 + 12_345) % 2_147_483_648;
    return state / 2_147_483_648;
  };
  const pick = <T>(items: readonly T[]) => items[Math.floor(random() * items.length)] as T;
  const operations = [
    'pictures/GetUserPicture',
    'pictures/GetUserPicture',
    'pictures/GetUserPicture',
    'pictures/GetUserPictures',
    'pictures/GetUserPictures',
    'pictures/CreateUserPicture',
    'analytics/GetLog',
    'auth/Login',
    'pictures/DeleteUserPicture',
  ];
  const transports = [
    ['rest', 5],
    ['rest', 5],
    ['grpc', 3],
    ['events', 16],
  ] as const;
  return Array.from({ length: count }, () => {
    const [transport, base] = pick(transports);
    const [service = '', method = ''] = pick(operations).split('/');
    const hour = (random() + random()) / 2;
    return {
      transport,
      service,
      method,
      status: random() < 0.04 ? pick([400, 401, 404, 503]) : 200,
      duration_ms: base * (0.6 + random() ** 4 * 9),
      user_id: '',
      trace_id: Array.from({ length: 32 }, () => Math.floor(random() * 16).toString(16)).join(''),
      at: new Date(Date.now() - 60_000 - (1 - hour) * 23 * 3_600_000).toISOString(),
      id: crypto.randomUUID(),
      client: false,
    };
  });
}

/** How many different pictures a library has; the others share their bytes. */
const DRAWINGS = 24;
const RATIOS = [3 / 2, 4 / 3, 2 / 3, 1, 16 / 9, 3 / 4, 21 / 9] as const;
const PLACES = ['Harbour', 'Forest', 'Market', 'Ridge', 'Garden', 'Bridge', 'Shore', 'Station'];

interface Drawing {
  readonly thumbnail: Uint8Array<ArrayBuffer>;
  readonly base64: string;
  readonly ratio: number;
}

let drawings: readonly Drawing[] | undefined;

/** Fills a user's library, to measure the timeline: 50 pictures a month, for up to eight years. */
export function seedLibrary(backend: MockBackend, username: string, count: number): void {
  drawings ??= Array.from({ length: DRAWINGS }, (_, index) => {
    const ratio = RATIOS[index % RATIOS.length] ?? 1;
    const [width, height] = ratio > 1 ? [480, 480 / ratio] : [480 * ratio, 480];
    const bytes = draw(Math.round(width), Math.round(height), index);
    return { thumbnail: Uint8Array.from(bytes), base64: bytes.toString('base64'), ratio };
  });
  const span = Math.min(8 * 365, count / 1.7) * 86_400_000;
  for (let at = 0; at < count; at++) {
    const drawing = drawings[(at * 7) % DRAWINGS];
    if (drawing === undefined) continue;
    const { thumbnail, base64, ratio } = drawing;
    // More pictures on some days than on others, the newest last.
    const age = (1 - at / count) ** 1.3 * span + (at % 9) * 3_600_000;
    const time = new Date(Date.now() - 86_400_000 - age);
    backend.addPicture(username, `${PLACES[at % PLACES.length] ?? ''} ${at + 1}`, base64, time, {
      width: Math.round(ratio > 1 ? 4000 : 4000 * ratio),
      height: Math.round(ratio > 1 ? 4000 / ratio : 4000),
      taken_at: time.toISOString().slice(0, 19),
      thumbnail,
    });
  }
}

/** Draws hills in fog as a PNG of about 30 kB, like a thumbnail of a photo. */
function draw(width: number, height: number, seed: number): Buffer {
  const rows = Buffer.alloc(height * (1 + width * 3));
  const hue = (seed * 47) % 360;
  const channel = (shift: number, light: number) =>
    Math.round(
      Math.max(0, Math.min(255, light * (140 + 90 * Math.cos(((hue + shift) * Math.PI) / 180)))),
    );
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const ridge = Math.sin(x / 60 + seed) * 0.08 + Math.sin(x / 23 + seed * 2) * 0.03;
      const layer = Math.floor((y / height + ridge) * 5);
      const grain = ((x * 7919 + y * 104_729 + seed) % 17) / 700;
      const light = 1.15 - layer * 0.17 + grain;
      const offset = y * (1 + width * 3) + 1 + x * 3;
      rows[offset] = channel(0, light);
      rows[offset + 1] = channel(120 + layer * 12, light);
      rows[offset + 2] = channel(240, light);
    }
  }
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  header.set([8, 2], 8);
  return Buffer.concat([
    Buffer.from('\x89PNG\r\n\x1a\n', 'latin1'),
    chunk('IHDR', header),
    chunk('IDAT', deflateSync(rows)),
    chunk('IEND', Buffer.alloc(0)),
  ]);
}

function chunk(type: string, data: Buffer): Buffer {
  const body = Buffer.concat([Buffer.from(type, 'latin1'), data]);
  const [length, check] = [Buffer.alloc(4), Buffer.alloc(4)];
  length.writeUInt32BE(data.length);
  check.writeUInt32BE(crc32(body));
  return Buffer.concat([length, body, check]);
}

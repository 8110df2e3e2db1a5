import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
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

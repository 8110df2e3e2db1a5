import { expect, it, vi } from 'vitest';
import { ApiError, unreachable } from '../api/errors';
import { PART_BYTES, partsOf, SINGLE_PART_BYTES } from './parts';
import { PartError, type putPart } from './putPart';
import { type RemoteUpload, type Route, Slots, transfer } from './transfer';

const LARGE = SINGLE_PART_BYTES + PART_BYTES;

/** A service and a storage in memory. */
function fakeRoute(size: number) {
  const arrived = new Set<number>();
  let generation = 0;
  let completed = false;
  const remote = (): RemoteUpload => ({
    id: 'upload-1',
    state: completed ? 'completed' : 'open',
    parts: partsOf(size).map(({ number }) => ({
      number,
      arrived: arrived.has(number),
      ...(!arrived.has(number) && {
        request: { method: 'PUT', url: `https://s3/${number}/${(generation += 1)}`, headers: [] },
      }),
    })),
  });
  const api = {
    begin: vi.fn(() => Promise.resolve(remote())),
    get: vi.fn(() => Promise.resolve(remote())),
    complete: vi.fn(() => {
      completed = true;
      return Promise.resolve('picture');
    }),
  };
  const put = vi.fn<typeof putPart>((request, bytes, onProgress) => {
    onProgress(bytes.size);
    arrived.add(Number(request.url.split('/')[3]));
    return Promise.resolve();
  });
  const retry = vi.fn(() => Promise.resolve());
  const route: Route<string> = { api, put, slots: new Slots(4), waits: { retry } };
  const progress: number[] = [];
  const connections: boolean[] = [];
  const begun: string[] = [];
  const send = (remoteId?: string, signal = new AbortController().signal) =>
    transfer(
      {
        file: new Blob([new Uint8Array(size)]),
        title: 'Harbour',
        size_bytes: size,
        content_type: 'image/png',
        checksums: [],
        idempotencyKey: 'key-1',
        remoteId,
      },
      route,
      {
        onBegun: (id) => begun.push(id),
        onProgress: (sent) => progress.push(sent),
        onConnection: (connected) => connections.push(connected),
      },
      signal,
    );
  return { api, put, retry, arrived, progress, connections, begun, send };
}

it('begins, sends every part and completes', async () => {
  const fake = fakeRoute(LARGE);
  expect(await fake.send()).toBe('picture');
  expect(fake.begun).toEqual(['upload-1']);
  expect(fake.put).toHaveBeenCalledTimes(3);
  expect(fake.put.mock.calls.map(([, bytes]) => bytes.size)).toEqual([
    PART_BYTES,
    PART_BYTES,
    PART_BYTES,
  ]);
  expect(fake.progress.at(-1)).toBe(LARGE);
  expect(fake.retry).not.toHaveBeenCalled();
});

it('sends only the missing parts of an earlier attempt', async () => {
  const fake = fakeRoute(LARGE);
  fake.arrived.add(1).add(3);
  await fake.send('upload-1');
  expect(fake.api.begin).not.toHaveBeenCalled();
  expect(fake.put).toHaveBeenCalledOnce();
  expect(fake.progress.at(-1)).toBe(LARGE);
});

it('retries a stalled part with a new URL and keeps those that arrived', async () => {
  const fake = fakeRoute(LARGE);
  fake.put.mockImplementationOnce(() => Promise.reject(new PartError(0, 'no progress')));
  await fake.send();
  expect(fake.api.begin).toHaveBeenCalledOnce();
  expect(fake.api.get).toHaveBeenCalledOnce();
  const urls = fake.put.mock.calls.map(([request]) => request.url);
  expect(new Set(urls).size).toBe(urls.length);
  expect(fake.connections).not.toContain(false);
});

it.each([403, 408, 500, 503])('retries when the storage answers %d', async (status) => {
  const fake = fakeRoute(10);
  fake.put.mockImplementationOnce(() => Promise.reject(new PartError(status, 'refused')));
  expect(await fake.send()).toBe('picture');
  expect(fake.put).toHaveBeenCalledTimes(2);
});

it('does not retry a part that isn’t what was announced', async () => {
  const fake = fakeRoute(10);
  fake.put.mockImplementation(() => Promise.reject(new PartError(400, 'bad digest')));
  await expect(fake.send()).rejects.toThrow('bad digest');
  expect(fake.put).toHaveBeenCalledOnce();
});

it('waits for a connection however long it takes', async () => {
  const fake = fakeRoute(10);
  let lost = 20;
  fake.api.get.mockImplementation(() => {
    lost -= 1;
    return lost > 0
      ? Promise.reject(unreachable('rest'))
      : Promise.resolve({ ...remoteOf(), state: 'open' });
  });
  const remoteOf = (): RemoteUpload => ({
    id: 'upload-1',
    state: 'open',
    parts: [
      { number: 1, arrived: false, request: { method: 'PUT', url: 'https://s3/1', headers: [] } },
    ],
  });
  expect(await fake.send('upload-1')).toBe('picture');
  expect(fake.retry).toHaveBeenCalledTimes(19);
  expect(fake.connections[0]).toBe(false);
  expect(fake.connections.at(-1)).toBe(true);
});

it('gives up when the storage can’t be reached but the service can', async () => {
  const fake = fakeRoute(10);
  fake.put.mockImplementation(() => Promise.reject(new PartError(0, 'no response')));
  await expect(fake.send()).rejects.toThrow('no response');
  expect(fake.put).toHaveBeenCalledTimes(7);
});

it('begins again with another key when the upload has expired', async () => {
  const fake = fakeRoute(10);
  fake.api.get.mockImplementationOnce(() =>
    Promise.reject(new ApiError('no such upload', 'NOT_FOUND', 404, 'rest', '')),
  );
  expect(await fake.send('gone')).toBe('picture');
  const [, key] = fake.api.begin.mock.calls[0] as unknown as [unknown, string];
  expect(key).not.toBe('key-1');
  expect(fake.begun).toEqual(['upload-1']);
});

it('sends nothing when an earlier attempt completed but its response was lost', async () => {
  const fake = fakeRoute(10);
  await fake.send();
  fake.put.mockClear();
  expect(await fake.send('upload-1')).toBe('picture');
  expect(fake.put).not.toHaveBeenCalled();
});

it('reports the service’s verdict', async () => {
  const fake = fakeRoute(10);
  const verdict = new ApiError('this is not a picture', 'INVALID_ARGUMENT', 400, 'rest', '');
  fake.api.complete.mockImplementation(() => Promise.reject(verdict));
  await expect(fake.send()).rejects.toBe(verdict);
});

it('aborts every part when it is cancelled', async () => {
  const fake = fakeRoute(LARGE);
  const controller = new AbortController();
  const signals: AbortSignal[] = [];
  fake.put.mockImplementation(
    (_request, _bytes, _progress, signal) =>
      new Promise((_, reject) => {
        signals.push(signal);
        signal.addEventListener('abort', () => reject(new DOMException('gone', 'AbortError')));
      }),
  );
  const sending = fake.send(undefined, controller.signal);
  await expect.poll(() => signals.length).toBe(3);
  controller.abort();
  await expect(sending).rejects.toThrow('gone');
  expect(signals.every(({ aborted }) => aborted)).toBe(true);
});

it('limits the parts that are sent at once', async () => {
  const slots = new Slots(2);
  let active = 0;
  let most = 0;
  const { signal } = new AbortController();
  const work = async () => {
    active += 1;
    most = Math.max(most, active);
    await new Promise((resolve) => setTimeout(resolve));
    active -= 1;
  };
  await Promise.all(Array.from({ length: 6 }, () => slots.use(work, signal)));
  expect(most).toBe(2);
  // A cancelled wait doesn't take a slot.
  const controller = new AbortController();
  let release: () => void = () => undefined;
  const held = new Promise<void>((resolve) => {
    release = resolve;
  });
  const holding = [slots.use(() => held, signal), slots.use(() => held, signal)];
  const waiting = slots.use(work, controller.signal);
  controller.abort();
  await expect(waiting).rejects.toThrow();
  release();
  await Promise.all(holding);
  await slots.use(work, signal);
});

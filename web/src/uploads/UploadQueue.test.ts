import { expect, it, vi } from 'vitest';
import { ApiError, unreachable } from '../api/errors';
import { fileOf } from '../test/images';
import { checkFile } from './checkFile';
import type { SavedUpload, UploadRecord } from './persist';
import type { Events, Source } from './transfer';
import { UploadQueue } from './UploadQueue';

interface Sending {
  readonly source: Source;
  readonly events: Events;
  readonly signal: AbortSignal;
  readonly store: () => void;
  readonly fail: (error: Error) => void;
}

/** A queue whose uploads are completed by the test. */
function controlledQueue(left: readonly SavedUpload[] = []) {
  const sendings: Sending[] = [];
  const records = new Map<string, UploadRecord>();
  const stored = new Map<string, { id: string; title: string }>();
  const work = {
    check: checkFile,
    convert: vi.fn((): Promise<Blob | undefined> => Promise.resolve(undefined)),
    checksums: (file: Blob) => Promise.resolve([String(file.size)]),
    send: (source: Source, events: Events, signal: AbortSignal) =>
      new Promise<{ id: string; title: string }>((resolve, reject) => {
        const store = () => {
          events.onProgress(source.file.size);
          resolve({ id: `picture-${sendings.length}`, title: source.title });
        };
        signal.addEventListener('abort', () => reject(new DOMException('gone', 'AbortError')));
        sendings.push({ source, events, signal, store, fail: reject });
      }),
    abort: vi.fn(() => Promise.resolve()),
    titleOf: vi.fn((): Promise<string | undefined> => Promise.resolve('file-0')),
    rename: vi.fn((id: string, title: string) => Promise.resolve({ id, title })),
    saved: {
      add: (record: UploadRecord) => {
        records.set(record.key, record);
        return Promise.resolve(true);
      },
      update: (key: string, change: Partial<UploadRecord>) => {
        const record = records.get(key);
        if (record !== undefined) records.set(key, { ...record, ...change });
        return Promise.resolve();
      },
      remove: (key: string) => {
        records.delete(key);
        return Promise.resolve();
      },
      finish: (
        key: string,
        _owner: string,
        checksums: readonly string[],
        picture: { id: string; title: string },
      ) => {
        records.delete(key);
        stored.set(String(checksums), picture);
        return Promise.resolve();
      },
      forget: vi.fn(() => Promise.resolve()),
      load: () => Promise.resolve(left),
      release: vi.fn(),
      pictureOf: (_owner: string, checksums: readonly string[]) =>
        Promise.resolve(stored.get(String(checksums))),
      clear: vi.fn(() => Promise.resolve()),
    },
  };
  const queue = new UploadQueue(work);
  const states = () => queue.uploads.map(({ state }) => state.kind);
  const idOf = (index: number) => queue.uploads[index]?.id ?? 0;
  return { queue, sendings, records, states, idOf, work };
}

/** Files with different bytes. */
const pngs = (count: number) =>
  Array.from({ length: count }, (_, i) => fileOf('png', `file-${i}.png`, 512 + i));

async function withSending(count: number) {
  const controlled = controlledQueue();
  controlled.queue.add(pngs(count));
  await expect.poll(() => controlled.sendings.length).toBe(Math.min(count, 3));
  return controlled;
}

it('sends files as soon as they are added, and refuses others', async () => {
  const { queue, sendings, states, records } = controlledQueue();
  queue.add([fileOf('png', 'a.png'), fileOf('pdf', 'b.png')]);
  expect(states()).toEqual(['checking', 'checking']);
  await expect.poll(states).toEqual(['sending', 'refused']);
  await expect.poll(() => sendings.length).toBe(1);
  expect(sendings[0]?.source).toMatchObject({ title: 'a', content_type: 'image/png' });
  // Saved until it is stored.
  expect(records.size).toBe(1);
  sendings[0]?.store();
  await expect.poll(states).toEqual(['stored', 'refused']);
  expect(records.size).toBe(0);
});

it('sends three at a time, in order', async () => {
  const { sendings, states } = await withSending(4);
  expect(states()).toEqual(['sending', 'sending', 'sending', 'waiting']);
  sendings[0]?.store();
  await expect.poll(states).toEqual(['stored', 'sending', 'sending', 'sending']);
  await expect.poll(() => sendings.length).toBe(4);
  expect(sendings.map(({ source }) => source.title)).toEqual([0, 1, 2, 3].map((i) => `file-${i}`));
});

it('rerenders nothing but one row’s progress while bytes are sent', async () => {
  const { queue, sendings } = await withSending(2);
  const rows = queue.items.get();
  const changed = { list: vi.fn(), state: vi.fn(), row: vi.fn(), sent: vi.fn(), other: vi.fn() };
  queue.items.subscribe(changed.list);
  queue.revision.subscribe(changed.state);
  rows[0]?.store.subscribe(changed.row);
  rows[0]?.sent.subscribe(changed.sent);
  rows[1]?.sent.subscribe(changed.other);
  for (const sent of [100, 200, 300]) sendings[0]?.events.onProgress(sent);
  expect(changed.sent).toHaveBeenCalledTimes(3);
  expect(rows[0]?.sent.get()).toBe(300);
  for (const quiet of [changed.list, changed.state, changed.row, changed.other]) {
    expect(quiet).not.toHaveBeenCalled();
  }
});

it('reports the progress of all uploads together', async () => {
  const { queue, sendings, states } = await withSending(2);
  sendings[0]?.events.onProgress(256);
  expect(queue.overall()).toEqual({ sent: 256, total: 512 + 513 });
  sendings[0]?.store();
  await expect.poll(states).toEqual(['stored', 'sending']);
  // The bar doesn't jump back when one of them is stored.
  expect(queue.overall()).toEqual({ sent: 512, total: 512 + 513 });
});

it('retries with the same key and the first title, then renames', async () => {
  const { queue, sendings, states, idOf, work } = await withSending(1);
  sendings[0]?.events.onBegun('upload-1');
  sendings[0]?.fail(new ApiError('full', 'RESOURCE_EXHAUSTED', 429, 'rest', ''));
  await expect.poll(states).toEqual(['failed']);

  queue.setTitle(idOf(0), 'First\nlight');
  queue.retryAll();
  await expect.poll(() => sendings.length).toBe(2);
  const [first, second] = sendings.map(({ source }) => source);
  expect(second).toMatchObject({
    idempotencyKey: first?.idempotencyKey,
    title: 'file-0',
    remoteId: 'upload-1',
  });
  const onStored = vi.fn();
  queue.onStored = onStored;
  sendings[1]?.store();
  await expect.poll(states).toEqual(['stored']);
  await expect.poll(() => work.rename.mock.calls).toEqual([['picture-2', 'First light']]);
  await expect.poll(() => onStored.mock.calls).toHaveLength(2);
});

it('renames a stored picture, and keeps its title if that fails', async () => {
  const { queue, sendings, states, idOf, work } = await withSending(1);
  sendings[0]?.store();
  await expect.poll(states).toEqual(['stored']);
  queue.setTitle(idOf(0), '   ');
  expect(work.rename).not.toHaveBeenCalled();
  work.rename.mockRejectedValueOnce(unreachable('rest'));
  queue.setTitle(idOf(0), 'Harbour');
  await expect.poll(() => queue.uploads[0]?.note).toMatch(/title wasn’t changed/);
});

it('pauses everything and goes on where it was', async () => {
  const { queue, sendings, states } = await withSending(4);
  sendings[0]?.events.onBegun('upload-1');
  queue.pause();
  expect(sendings.every(({ signal }) => signal.aborted)).toBe(true);
  await expect.poll(states).toEqual(['waiting', 'waiting', 'waiting', 'waiting']);
  queue.resume();
  await expect.poll(() => sendings.length).toBe(6);
  expect(sendings[3]?.source.remoteId).toBe('upload-1');
});

it('shows when an upload waits for a connection', async () => {
  const { queue, sendings } = await withSending(1);
  sendings[0]?.events.onConnection(false);
  expect(queue.uploads[0]?.state).toEqual({ kind: 'sending', connected: false });
  sendings[0]?.events.onConnection(true);
  expect(queue.uploads[0]?.state).toEqual({ kind: 'sending', connected: true });
});

it('cancels a running upload, discards it at the service and starts the next', async () => {
  const { queue, sendings, states, idOf, records, work } = await withSending(4);
  sendings[0]?.events.onBegun('upload-1');
  queue.cancel(idOf(0));
  expect(sendings[0]?.signal.aborted).toBe(true);
  await expect.poll(states).toEqual(['cancelled', 'sending', 'sending', 'sending']);
  expect(work.abort).toHaveBeenCalledExactlyOnceWith('upload-1');
  expect(records.size).toBe(3);

  // A retry begins again.
  queue.retry(idOf(0));
  sendings[1]?.store();
  await expect.poll(() => sendings.length).toBe(5);
  expect(sendings[4]?.source.remoteId).toBeUndefined();
  expect(sendings[4]?.source.idempotencyKey).not.toBe(sendings[0]?.source.idempotencyKey);
});

it('records whether a cancelled upload had been sent completely', async () => {
  const { queue, sendings, idOf } = await withSending(2);
  const onOutcomeUnknown = vi.fn();
  queue.onOutcomeUnknown = onOutcomeUnknown;
  sendings[0]?.events.onProgress(512);
  queue.cancel(idOf(0));
  queue.cancel(idOf(1));
  expect(queue.uploads.map(({ state }) => state)).toEqual([
    { kind: 'cancelled', storing: true },
    { kind: 'cancelled', storing: false },
  ]);
  await expect.poll(() => onOutcomeUnknown.mock.calls).toHaveLength(1);
});

it('mentions duplicates, and sends them if the user wants', async () => {
  const { queue, sendings, states, idOf, work } = await withSending(1);
  const again = () => queue.add([fileOf('png', 'again.png', 512)]);
  again();
  await expect.poll(states).toEqual(['sending', 'duplicate']);
  sendings[0]?.store();
  await expect.poll(states).toEqual(['stored', 'duplicate']);
  queue.clearSettled();
  again();
  await expect.poll(states).toEqual(['duplicate']);
  expect(queue.uploads[0]?.state).toEqual({ kind: 'duplicate', title: 'file-0' });
  queue.uploadAnyway(idOf(0));
  await expect.poll(() => sendings.length).toBe(2);
  queue.cancel(idOf(0));

  // A picture that has been deleted since is no duplicate.
  work.titleOf.mockResolvedValueOnce(undefined);
  queue.clearSettled();
  again();
  await expect.poll(() => sendings.length).toBe(3);
  expect(work.saved.forget).toHaveBeenCalledOnce();
});

it('converts a HEIC where the browser can, and names it otherwise', async () => {
  const { queue, sendings, states, work } = controlledQueue();
  work.convert.mockResolvedValueOnce(fileOf('jpeg', ''));
  queue.add([fileOf('heic', 'IMG_1.HEIC'), fileOf('heic', 'IMG_2.HEIC', 600)]);
  await expect.poll(states).toEqual(['sending', 'refused']);
  await expect
    .poll(() => sendings[0]?.source)
    .toMatchObject({
      title: 'IMG 1',
      content_type: 'image/jpeg',
    });
  expect(queue.uploads[0]?.note).toMatch(/Converted from HEIC/);
});

it('continues what an earlier page has left, unless its file is gone', async () => {
  const left = (key: string, readable: boolean, size: number): SavedUpload => ({
    key,
    owner: 'ada',
    file: fileOf('png', '', size),
    name: `${key}.png`,
    title: key,
    type: 'image/png',
    attempt: { idempotencyKey: `first-${key}`, title: 'first title' },
    checksums: ['sum'],
    remoteId: `upload-${key}`,
    readable,
  });
  const { queue, sendings, states } = controlledQueue([left('a', true, 600), left('b', false, 0)]);
  await queue.restore('ada');
  await expect.poll(states).toEqual(['sending', 'refused']);
  await expect
    .poll(() => sendings[0]?.source)
    .toMatchObject({
      remoteId: 'upload-a',
      idempotencyKey: 'first-a',
      title: 'first title',
      checksums: ['sum'],
    });
});

it('stops for another user, and keeps what is saved', async () => {
  const { queue, sendings, states, records, work } = await withSending(2);
  await queue.restore('grace');
  expect(states()).toEqual([]);
  expect(sendings.every(({ signal }) => signal.aborted)).toBe(true);
  expect(records.size).toBe(2);
  expect(work.abort).not.toHaveBeenCalled();
});

it('removes finished uploads and keeps those that await the user', async () => {
  const { queue, sendings, states } = await withSending(3);
  sendings[0]?.store();
  sendings[1]?.fail(new ApiError('no', 'INTERNAL', 500, 'rest', ''));
  await expect.poll(states).toEqual(['stored', 'failed', 'sending']);
  queue.clearSettled();
  expect(states()).toEqual(['failed', 'sending']);
});

it('discards everything on logging out', async () => {
  const { queue, sendings, states, records, work } = controlledQueue();
  await queue.restore('ada');
  queue.add(pngs(2));
  await expect.poll(() => sendings.length).toBe(2);
  sendings[0]?.events.onBegun('upload-1');
  queue.clear();
  expect(states()).toEqual([]);
  expect(sendings.every(({ signal }) => signal.aborted)).toBe(true);
  await expect.poll(() => records.size).toBe(0);
  expect(work.abort).toHaveBeenCalledExactlyOnceWith('upload-1');
  expect(work.saved.clear).toHaveBeenCalledExactlyOnceWith('ada');
});

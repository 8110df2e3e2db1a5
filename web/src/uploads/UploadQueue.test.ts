import { expect, it, vi } from 'vitest';
import { ApiError } from '../api/errors';
import type { OnProgress } from '../api/xhr';
import type { PictureInfo } from '../pictures/requests';
import { fileOf } from '../test/images';
import { overall, type Upload, UploadQueue } from './UploadQueue';

interface Sending {
  readonly upload: Upload;
  readonly onProgress: OnProgress;
  readonly signal: AbortSignal;
  readonly store: () => void;
  readonly fail: (error: Error) => void;
}

/** A queue whose uploads are completed by the test. */
function controlledQueue() {
  const sendings: Sending[] = [];
  const queue = new UploadQueue(
    (upload, onProgress, signal) =>
      new Promise((resolve, reject) => {
        const store = () => resolve({ id: `picture-${upload.id}` } as PictureInfo);
        signal.addEventListener('abort', () => reject(new DOMException('gone', 'AbortError')));
        sendings.push({ upload, onProgress, signal, store, fail: reject });
      }),
  );
  const states = () => queue.store.get().map(({ state }) => state.kind);
  return { queue, sendings, states };
}

const settled = () => new Promise((resolve) => setTimeout(resolve));

async function withReady(count: number) {
  const controlled = controlledQueue();
  controlled.queue.add(Array.from({ length: count }, (_, i) => fileOf('png', `file-${i}.png`)));
  await expect.poll(controlled.states).toEqual(Array<string>(count).fill('ready'));
  return controlled;
}

it('checks files and sends nothing before it is started', async () => {
  const { queue, sendings, states } = controlledQueue();
  queue.add([fileOf('png', 'a.png'), fileOf('pdf', 'b.png')]);
  expect(states()).toEqual(['checking', 'checking']);
  await expect.poll(states).toEqual(['ready', 'refused']);
  expect(sendings).toHaveLength(0);
});

it('sends two at a time, in order', async () => {
  const { queue, sendings, states } = await withReady(3);
  queue.start();
  expect(states()).toEqual(['sending', 'sending', 'waiting']);
  sendings[0]?.store();
  await expect.poll(states).toEqual(['stored', 'sending', 'sending']);
  expect(sendings.map(({ upload }) => upload.title)).toEqual(['file-0', 'file-1', 'file-2']);
});

it('reports the progress of each upload and of all together', async () => {
  const { queue, sendings } = await withReady(2);
  queue.start();
  sendings[0]?.onProgress(0.5);
  expect(queue.store.get()[0]?.state).toEqual({ kind: 'sending', progress: 0.5 });
  expect(overall(queue.store.get())).toEqual({ underWay: 2, progress: 0.25 });
});

it('retries with the same key and title', async () => {
  const { queue, sendings, states } = await withReady(1);
  const id = queue.store.get()[0]?.id ?? 0;
  queue.setTitle(id, 'First\nlight');
  queue.start();
  sendings[0]?.fail(new ApiError('no response', 'UNREACHABLE', 0, 'rest', ''));
  await expect.poll(states).toEqual(['failed']);

  queue.setTitle(id, 'Another title');
  queue.retry(id);
  const [first, second] = sendings.map(({ upload }) => upload);
  expect(second?.idempotencyKey).toBe(first?.idempotencyKey);
  expect(second?.title).toBe('First light');
  sendings[1]?.store();
  await expect.poll(states).toEqual(['stored']);
});

it('cancels a running upload and starts the next', async () => {
  const { queue, sendings, states } = await withReady(3);
  const onOutcomeUnknown = vi.fn();
  queue.onOutcomeUnknown = onOutcomeUnknown;
  queue.start();
  queue.cancel(sendings[0]?.upload.id ?? 0);
  expect(sendings[0]?.signal.aborted).toBe(true);
  await expect.poll(states).toEqual(['cancelled', 'sending', 'sending']);
  // It may still have been stored, so the list must be fetched again.
  expect(onOutcomeUnknown).toHaveBeenCalledOnce();
  sendings[0]?.onProgress(0.9);
  expect(states()[0]).toBe('cancelled');
});

it('records whether a cancelled upload had been sent completely', async () => {
  const { queue, sendings } = await withReady(2);
  queue.start();
  sendings[0]?.onProgress(1);
  sendings[1]?.onProgress(0.9);
  for (const { upload } of sendings) queue.cancel(upload.id);
  expect(queue.store.get().map(({ state }) => state)).toEqual([
    { kind: 'cancelled', storing: true },
    { kind: 'cancelled', storing: false },
  ]);
});

it('removes finished uploads and keeps those that await the user', async () => {
  const { queue, sendings, states } = await withReady(3);
  const [first, second, third] = queue.store.get().map(({ id }) => id);
  for (const id of [second, third]) queue.setTitle(id ?? 0, '');
  queue.start();
  sendings[0]?.fail(new ApiError('no response', 'UNREACHABLE', 0, 'rest', ''));
  await expect.poll(states).toEqual(['failed', 'ready', 'ready']);
  queue.setTitle(second ?? 0, 'Second');
  queue.start();
  sendings[1]?.store();
  await expect.poll(states).toEqual(['failed', 'stored', 'ready']);
  queue.clearSettled();
  expect(queue.store.get().map(({ id }) => id)).toEqual([first, third]);
});

it('reports stored pictures and cancels everything on clear', async () => {
  const { queue, sendings, states } = await withReady(2);
  const onStored = vi.fn();
  queue.onStored = onStored;
  queue.start();
  sendings[0]?.store();
  await expect.poll(() => onStored.mock.calls).toHaveLength(1);
  queue.clearIdle();
  expect(states()).toEqual(['sending']);
  queue.clear();
  expect(states()).toEqual([]);
  expect(sendings[1]?.signal.aborted).toBe(true);
  await settled();
  expect(states()).toEqual([]);
});

it('sends nothing without a title', async () => {
  const { queue, sendings, states } = await withReady(1);
  queue.setTitle(queue.store.get()[0]?.id ?? 0, '   ');
  queue.start();
  expect(states()).toEqual(['ready']);
  expect(sendings).toHaveLength(0);
});

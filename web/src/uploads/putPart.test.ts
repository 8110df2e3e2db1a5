import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { PartError, putPart, STALLED_MS } from './putPart';

const REQUEST = {
  method: 'PUT',
  url: 'https://storage.example/part',
  headers: [
    { name: 'host', value: 'storage.example' },
    { name: 'content-type', value: 'image/png' },
    { name: 'x-amz-checksum-sha256', value: 'sum' },
  ],
};

/** A request of a browser whose network the test plays. */
class FakeRequest extends EventTarget {
  static latest: FakeRequest;
  readonly upload = new EventTarget();
  readonly headers: string[] = [];
  status = 0;
  aborted = false;

  constructor() {
    super();
    FakeRequest.latest = this;
  }

  open() {
    // Nothing is sent.
  }

  setRequestHeader(name: string) {
    this.headers.push(name);
  }

  send() {
    // Nothing is sent.
  }

  abort() {
    this.aborted = true;
    this.end('abort');
  }

  end(type: 'load' | 'error' | 'abort') {
    this.dispatchEvent(new Event(type));
    this.dispatchEvent(new Event('loadend'));
  }

  progress(loaded: number) {
    this.upload.dispatchEvent(Object.assign(new Event('progress'), { loaded }));
  }
}

beforeEach(() => {
  vi.useFakeTimers();
  vi.stubGlobal('XMLHttpRequest', FakeRequest);
});
afterEach(() => vi.useRealTimers());

function put(signal = new AbortController().signal) {
  const seen: number[] = [];
  const sent = putPart(REQUEST, new Blob(['0123456789']), (bytes) => seen.push(bytes), signal);
  const outcome = sent.then(
    () => 'stored',
    (error: unknown) => error,
  );
  return { outcome, seen, request: FakeRequest.latest };
}

it('reports progress and leaves headers to the browser that scripts can’t set', async () => {
  const { outcome, seen, request } = put();
  request.progress(4);
  request.progress(400);
  request.status = 200;
  request.end('load');
  expect(await outcome).toBe('stored');
  expect(seen).toEqual([4, 10]);
  expect(request.headers).toEqual(['content-type', 'x-amz-checksum-sha256']);
});

it('gives up after 20 s without progress, and no earlier', async () => {
  const { outcome, request } = put();
  for (let sent = 1; sent <= 5; sent++) {
    await vi.advanceTimersByTimeAsync(STALLED_MS - 1_000);
    request.progress(sent);
  }
  // Bytes that arrive again are no progress.
  await vi.advanceTimersByTimeAsync(STALLED_MS - 1_000);
  request.progress(5);
  expect(request.aborted).toBe(false);
  await vi.advanceTimersByTimeAsync(3_000);
  expect(request.aborted).toBe(true);
  expect(await outcome).toEqual(new PartError(0, 'no progress'));
});

it('gives up at once when the computer wakes up', async () => {
  const { outcome, request } = put();
  request.progress(3);
  // Timers stand still while it sleeps, and the clock goes on.
  vi.setSystemTime(Date.now() + 3_600_000);
  await vi.advanceTimersByTimeAsync(1_000);
  expect(request.aborted).toBe(true);
  expect(await outcome).toEqual(new PartError(0, 'no progress'));
});

it('reports the storage’s answer, a lost connection and a cancellation', async () => {
  const refused = put();
  refused.request.status = 403;
  refused.request.end('load');
  expect(await refused.outcome).toMatchObject({ status: 403 });

  const lost = put();
  lost.request.end('error');
  expect(await lost.outcome).toMatchObject({ status: 0 });

  const controller = new AbortController();
  const cancelled = put(controller.signal);
  controller.abort();
  expect(await cancelled.outcome).toMatchObject({ name: 'AbortError' });
  expect(vi.getTimerCount()).toBe(0);
});

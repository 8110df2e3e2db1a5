import { newIdempotencyKey } from '../api/idempotency';
import { ApiError, isAbort, isTransportDown } from '../api/errors';
import { type Part, partsOf } from './parts';
import { PartError, type PresignedRequest, type putPart } from './putPart';

/** An upload as the service describes it. */
export interface RemoteUpload {
  readonly id: string;
  readonly state: string;
  readonly parts: readonly RemotePart[];
}

export interface RemotePart {
  readonly number: number;
  readonly arrived: boolean;
  /** Missing for a part that has arrived. */
  readonly request?: PresignedRequest | undefined;
}

export interface BeginUpload {
  readonly title: string;
  readonly size_bytes: number;
  readonly content_type: string;
  readonly checksums: readonly string[];
}

/** The service's operations for uploads. */
export interface UploadApi<Picture> {
  readonly begin: (
    request: BeginUpload,
    idempotencyKey: string,
    signal: AbortSignal,
  ) => Promise<RemoteUpload>;
  /** Returns the upload with new URLs, since they expire sooner than an upload. */
  readonly get: (id: string, signal: AbortSignal) => Promise<RemoteUpload>;
  readonly complete: (id: string, signal: AbortSignal) => Promise<Picture>;
}

/** What is uploaded. */
export interface Source extends BeginUpload {
  readonly file: Blob;
  readonly idempotencyKey: string;
  /** The upload that an earlier attempt began. */
  readonly remoteId?: string | undefined;
}

export interface Events {
  /** The upload has begun: a later attempt continues it. */
  readonly onBegun: (id: string) => void;
  /** The bytes that the storage has, or that are on their way to it. */
  readonly onProgress: (sent: number) => void;
  /** Whether the upload is waiting for a connection. */
  readonly onConnection: (connected: boolean) => void;
}

/** Waits between attempts. */
export interface Waits {
  /** Resolves after the `attempt`-th failure in a row, or earlier if the connection comes back. */
  readonly retry: (attempt: number, signal: AbortSignal) => Promise<void>;
}

/**
 * Failures in a row without progress, while the service answers. With the waits between them they
 * take about half a minute.
 */
const MAX_REFUSALS = 6;

/** Limits how many parts are sent at once, over all uploads. */
export class Slots {
  private free: number;
  private readonly queue: (() => void)[] = [];

  constructor(count: number) {
    this.free = count;
  }

  async use<T>(work: () => Promise<T>, signal: AbortSignal): Promise<T> {
    await this.take(signal);
    try {
      return await work();
    } finally {
      const next = this.queue.shift();
      if (next === undefined) this.free += 1;
      else next();
    }
  }

  private take(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    if (this.free > 0) {
      this.free -= 1;
      return Promise.resolve();
    }
    return new Promise((resolve, reject) => {
      const abort = () => {
        this.queue.splice(this.queue.indexOf(taken), 1);
        reject(new DOMException('the upload was cancelled', 'AbortError'));
      };
      const taken = () => {
        signal.removeEventListener('abort', abort);
        resolve();
      };
      signal.addEventListener('abort', abort);
      this.queue.push(taken);
    });
  }
}

/** How uploads reach the service and the storage. Tests replace its parts. */
export interface Route<Picture> {
  readonly api: UploadApi<Picture>;
  readonly put: typeof putPart;
  readonly slots: Slots;
  readonly waits: Waits;
}

/**
 * Uploads a file and returns its picture.
 *
 * After a lost connection, a stalled request or an expired URL, it tries again with new URLs and
 * sends the parts that are missing. Without a connection it waits for one. Other failures reject, as
 * does the signal.
 */
export async function transfer<Picture>(
  source: Source,
  route: Route<Picture>,
  events: Events,
  signal: AbortSignal,
): Promise<Picture> {
  const progress = new Progress(source.file.size, events.onProgress);
  let { remoteId, idempotencyKey } = source;
  // Failures in a row without progress, and those of them with a connection.
  let failures = 0;
  let refusals = 0;
  for (;;) {
    const before = progress.arrived;
    try {
      const remote =
        remoteId === undefined
          ? await route.api.begin(source, idempotencyKey, signal)
          : await route.api.get(remoteId, signal);
      events.onConnection(true);
      if (remoteId === undefined) {
        remoteId = remote.id;
        events.onBegun(remote.id);
      }
      if (remote.state !== 'completed') {
        await putMissing(source.file, remote, route, progress, signal);
      }
      return await route.api.complete(remote.id, signal);
    } catch (error) {
      if (isAbort(error) || signal.aborted) throw error;
      // Rejects if the file itself can't be read any more, which looks like a lost connection.
      if (isConnectionLost(error)) await source.file.slice(0, 1).arrayBuffer();
      const expired = remoteId !== undefined && isNotFound(error);
      if (!expired && !isTransient(error)) throw error;
      if (progress.arrived > before) failures = refusals = 0;
      failures += 1;
      // Without a connection, the user sees that the upload waits for one, and can cancel it.
      const connected = !isUnreachable(error);
      if (connected) refusals += 1;
      if (refusals > MAX_REFUSALS) throw error;
      events.onConnection(connected);
      if (expired) {
        // It begins again. The service still knows the old key as that of the expired upload.
        remoteId = undefined;
        idempotencyKey = newIdempotencyKey();
        progress.forget();
      }
      progress.reset();
      await route.waits.retry(failures, signal);
    }
  }
}

/** Sends the parts that haven't arrived, in parallel. */
async function putMissing<Picture>(
  file: Blob,
  remote: RemoteUpload,
  { put, slots }: Route<Picture>,
  progress: Progress,
  signal: AbortSignal,
): Promise<void> {
  // The first failure ends the other parts, because all of them need new URLs.
  const failed = new AbortController();
  const either = AbortSignal.any([signal, failed.signal]);
  const requests = new Map(remote.parts.map((part) => [part.number, part]));
  const sending = partsOf(file.size).map(async (part) => {
    const known = requests.get(part.number);
    if (known === undefined) throw new Error(`the service names no part ${part.number}`);
    if (known.arrived) {
      progress.arrive(part);
      return;
    }
    const { request } = known;
    if (request === undefined) throw new Error(`part ${part.number} has no URL`);
    const bytes = file.slice(part.start, part.end);
    const send = () => put(request, bytes, (sent) => progress.send(part, sent), either);
    await slots.use(send, either);
    progress.arrive(part);
  });
  try {
    await Promise.all(sending);
  } catch (error) {
    failed.abort();
    // None of them may go on in the background of the next attempt.
    await Promise.allSettled(sending);
    throw error;
  }
}

const isUnreachable = (error: unknown) => error instanceof ApiError && error.status === 0;
const isConnectionLost = (error: unknown) => error instanceof PartError && error.status === 0;
const isNotFound = (error: unknown) => error instanceof ApiError && error.status === 404;

/** Whether another attempt may succeed. */
function isTransient(error: unknown): boolean {
  if (error instanceof PartError) {
    // 403: the URL has expired. 400 would be a part that isn't what was announced.
    return (
      error.status === 0 || error.status === 403 || error.status === 408 || error.status >= 500
    );
  }
  return error instanceof ApiError && (isTransportDown(error) || error.status === 429);
}

/** The bytes sent of each part. */
class Progress {
  private readonly sent = new Map<number, number>();
  private readonly complete = new Set<number>();
  private readonly size: number;
  private readonly report: (sent: number) => void;

  constructor(size: number, report: (sent: number) => void) {
    this.size = size;
    this.report = report;
  }

  /** The number of parts that have arrived. */
  get arrived(): number {
    return this.complete.size;
  }

  send({ number }: Part, sent: number): void {
    this.sent.set(number, sent);
    this.notify();
  }

  arrive({ number, start, end }: Part): void {
    this.complete.add(number);
    this.sent.set(number, end - start);
    this.notify();
  }

  /** Starts over: nothing has arrived. */
  forget(): void {
    this.complete.clear();
  }

  /** Forgets what was on its way when an attempt failed. */
  reset(): void {
    for (const number of this.sent.keys()) {
      if (!this.complete.has(number)) this.sent.delete(number);
    }
    this.notify();
  }

  private notify(): void {
    let total = 0;
    for (const sent of this.sent.values()) total += sent;
    this.report(Math.min(total, this.size));
  }
}

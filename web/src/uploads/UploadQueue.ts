import { newIdempotencyKey } from '../api/idempotency';
import { describeError, isAbort } from '../api/errors';
import type { OnProgress } from '../api/xhr';
import type { ImageType } from '../pictures/image';
import type { PictureInfo } from '../pictures/requests';
import { createStore, type Store } from '../store';
import { checkFile, type FileCheck } from './checkFile';
import { cleanTitle, titleOf } from './title';

/** How an upload stands. */
export type UploadState =
  /** Its first bytes are being looked at. */
  | { readonly kind: 'checking' }
  /** The service would not take it. */
  | { readonly kind: 'refused'; readonly reason: string }
  /** It waits for the person to say go. */
  | { readonly kind: 'ready' }
  /** It waits for its turn. */
  | { readonly kind: 'waiting' }
  /** On its way: 0 to 1 of it has left; at 1 the service is storing it. */
  | { readonly kind: 'sending'; readonly progress: number }
  | { readonly kind: 'stored'; readonly pictureId: string }
  | { readonly kind: 'failed'; readonly reason: string }
  /** While `storing` it had left already: the service may store it all the same. */
  | { readonly kind: 'cancelled'; readonly storing: boolean };

export interface Upload {
  readonly id: number;
  readonly file: File;
  readonly title: string;
  /** The type told from the bytes, once they have been looked at. */
  readonly type?: ImageType;
  /**
   * Sent with every try, so that a retry after a lost answer makes no second picture. It stands
   * for this file under this title: from the first try on, the title is fixed.
   */
  readonly idempotencyKey: string;
  readonly tried: boolean;
  readonly state: UploadState;
}

export type SendUpload = (
  upload: Upload,
  onProgress: OnProgress,
  signal: AbortSignal,
) => Promise<PictureInfo>;

/** Two at a time fill the line and leave room for the calls that show the pictures. */
const MAX_CONCURRENT = 2;

/** The uploads of this page. Lives outside React: going to another page cancels nothing. */
export class UploadQueue {
  readonly store: Store<readonly Upload[]> = createStore<readonly Upload[]>([]);
  /** Told of every picture that was stored. */
  onStored: (picture: PictureInfo, file: File) => void = () => undefined;
  /** Told when an upload ended without an answer: the picture may or may not be stored. */
  onOutcomeUnknown: () => void = () => undefined;

  private nextId = 1;
  private readonly running = new Map<number, AbortController>();
  private readonly send: SendUpload;
  private readonly check: (file: Blob) => Promise<FileCheck>;

  constructor(send: SendUpload, check: (file: Blob) => Promise<FileCheck> = checkFile) {
    this.send = send;
    this.check = check;
  }

  add(files: Iterable<File>): void {
    const added = Array.from(files, (file): Upload => ({
      id: this.nextId++,
      file,
      title: titleOf(file.name),
      idempotencyKey: newIdempotencyKey(),
      tried: false,
      state: { kind: 'checking' },
    }));
    this.store.set([...this.store.get(), ...added]);
    for (const { id, file } of added) {
      void this.check(file).then((check) =>
        this.change(
          id,
          check.ok
            ? { type: check.type, state: { kind: 'ready' } }
            : { state: { kind: 'refused', reason: check.reason } },
        ),
      );
    }
  }

  setTitle(id: number, title: string): void {
    if (this.find(id)?.tried === false) this.change(id, { title: cleanTitle(title) });
  }

  /** Sends everything that is ready and has a title. */
  start(): void {
    for (const upload of this.store.get()) {
      if (upload.state.kind === 'ready' && upload.title.trim() !== '') this.enqueue(upload.id);
    }
  }

  retry(id: number): void {
    const kind = this.find(id)?.state.kind;
    if (kind === 'failed' || kind === 'cancelled') this.enqueue(id);
  }

  cancel(id: number): void {
    const state = this.find(id)?.state;
    if (state?.kind !== 'waiting' && state?.kind !== 'sending') return;
    const storing = state.kind === 'sending' && state.progress >= 1;
    this.change(id, { state: { kind: 'cancelled', storing } });
    this.running.get(id)?.abort();
  }

  /** Takes one off the list; one that is under way is cancelled first. */
  remove(id: number): void {
    this.cancel(id);
    this.store.set(this.store.get().filter((upload) => upload.id !== id));
  }

  /** Takes off the list what is settled: nothing under way, and nothing that waits for a person. */
  clearSettled(): void {
    const settled = ['stored', 'refused', 'cancelled'];
    this.store.set(this.store.get().filter(({ state }) => !settled.includes(state.kind)));
  }

  /** Takes off the list all that is not under way. */
  clearIdle(): void {
    this.store.set(
      this.store.get().filter(({ state }) => state.kind === 'waiting' || state.kind === 'sending'),
    );
  }

  /** Cancels and forgets everything. */
  clear(): void {
    this.store.set([]);
    for (const controller of this.running.values()) controller.abort();
  }

  private find(id: number): Upload | undefined {
    return this.store.get().find((upload) => upload.id === id);
  }

  private change(id: number, change: Partial<Upload>): void {
    this.store.set(
      this.store.get().map((upload) => (upload.id === id ? { ...upload, ...change } : upload)),
    );
  }

  private enqueue(id: number): void {
    this.change(id, { tried: true, state: { kind: 'waiting' } });
    this.pump();
  }

  private pump(): void {
    for (const upload of this.store.get()) {
      if (this.running.size >= MAX_CONCURRENT) return;
      // One that was cancelled and retried waits until its first try has really ended.
      if (upload.state.kind === 'waiting' && !this.running.has(upload.id)) void this.run(upload);
    }
  }

  private async run(upload: Upload): Promise<void> {
    const { id, file } = upload;
    const controller = new AbortController();
    const { signal } = controller;
    this.running.set(id, controller);
    this.change(id, { state: { kind: 'sending', progress: 0 } });
    try {
      const onProgress = (progress: number) => {
        if (!signal.aborted) this.change(id, { state: { kind: 'sending', progress } });
      };
      const picture = await this.send(upload, onProgress, signal);
      this.change(id, { state: { kind: 'stored', pictureId: picture.id } });
      this.onStored(picture, file);
    } catch (error) {
      if (!isAbort(error)) {
        this.change(id, { state: { kind: 'failed', reason: describeError(error) } });
      }
      this.onOutcomeUnknown();
    } finally {
      this.running.delete(id);
      this.pump();
    }
  }
}

/** How many are under way, and how far they are together (0 to 1). */
export function overall(uploads: readonly Upload[]): { underWay: number; progress: number } {
  const active = uploads.filter(
    ({ state }) => state.kind === 'waiting' || state.kind === 'sending',
  );
  const total = active.reduce((sum, { file }) => sum + file.size, 0);
  const sent = active.reduce(
    (sum, { file, state }) => sum + (state.kind === 'sending' ? state.progress * file.size : 0),
    0,
  );
  return { underWay: active.length, progress: total === 0 ? 0 : sent / total };
}

import { newIdempotencyKey } from '../api/idempotency';
import { describeError, isAbort } from '../api/errors';
import type { OnProgress } from '../api/xhr';
import type { ImageType } from '../pictures/image';
import type { PictureInfo } from '../pictures/requests';
import { createStore, type Store } from '../lib/store';
import { checkFile, type FileCheck } from './checkFile';
import { cleanTitle, titleOf } from './title';

export type UploadState =
  /** Its first bytes are being checked. */
  | { readonly kind: 'checking' }
  /** The service wouldn't accept it. */
  | { readonly kind: 'refused'; readonly reason: string }
  /** It is waiting for the user to start it. */
  | { readonly kind: 'ready' }
  /** It is queued. */
  | { readonly kind: 'waiting' }
  /** The share that has been sent, 0 to 1. At 1 the service is storing the picture. */
  | { readonly kind: 'sending'; readonly progress: number }
  | { readonly kind: 'stored'; readonly pictureId: string }
  | { readonly kind: 'failed'; readonly reason: string }
  /** `storing`: it had already been sent completely, so the service may still store it. */
  | { readonly kind: 'cancelled'; readonly storing: boolean };

export interface Upload {
  readonly id: number;
  readonly file: File;
  readonly title: string;
  /** The type detected from the bytes, once they have been checked. */
  readonly type?: ImageType;
  /**
   * Sent with every attempt, so that a retry after a lost response doesn't create a second picture.
   * The key covers the title too, so the title can't change after the first attempt.
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

/** Two uploads use the full bandwidth and leave connections for other calls. */
const MAX_CONCURRENT = 2;

/** The upload queue. It lives outside React, so that navigating doesn't cancel uploads. */
export class UploadQueue {
  readonly store: Store<readonly Upload[]> = createStore<readonly Upload[]>([]);
  /** Called for every stored picture. */
  onStored: (picture: PictureInfo, file: File) => void = () => undefined;
  /** Called when an upload ends and the picture may or may not have been stored. */
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

  /** Removes an upload; a running one is cancelled. */
  remove(id: number): void {
    this.cancel(id);
    this.store.set(this.store.get().filter((upload) => upload.id !== id));
  }

  /** Removes uploads that are stored, refused or cancelled. */
  clearSettled(): void {
    const settled = ['stored', 'refused', 'cancelled'];
    this.store.set(this.store.get().filter(({ state }) => !settled.includes(state.kind)));
  }

  /** Removes all uploads that aren't queued or running. */
  clearIdle(): void {
    this.store.set(
      this.store.get().filter(({ state }) => state.kind === 'waiting' || state.kind === 'sending'),
    );
  }

  /** Cancels and removes all uploads. */
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
      // A retried upload waits until its cancelled attempt has ended.
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

/** The number of queued and running uploads, and their combined progress (0 to 1). */
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

import { describeError, isAbort } from '../api/errors';
import { newIdempotencyKey } from '../api/idempotency';
import type { ImageType } from '../pictures/image';
import { createStore, type Store } from '../lib/store';
import type { FileCheck } from './checkFile';
import type { SavedUpload, SavedUploads } from './persist';
import { PartError } from './putPart';
import { cleanTitle, titleOf } from './title';
import type { Events, Source } from './transfer';
import { isActive, type Upload, type UploadItem, type UploadState } from './upload';

/** What the queue needs to know of a stored picture. */
export interface StoredPicture {
  readonly id: string;
}

/** What the queue does its work with. Tests replace it. */
export interface Work<Picture extends StoredPicture> {
  readonly check: (file: Blob) => Promise<FileCheck>;
  /** Converts a picture that can't be stored to one that can, if the browser is able to. */
  readonly convert: (file: Blob) => Promise<Blob | undefined>;
  readonly checksums: (file: Blob, signal: AbortSignal) => Promise<readonly string[]>;
  readonly send: (source: Source, events: Events, signal: AbortSignal) => Promise<Picture>;
  /** Discards an upload that was cancelled. */
  readonly abort: (remoteId: string) => Promise<void>;
  readonly rename: (pictureId: string, title: string) => Promise<Picture>;
  /** The title of a picture, or undefined if it has been deleted. */
  readonly titleOf: (pictureId: string) => Promise<string | undefined>;
  readonly saved: SavedUploads;
}

/** What the queue knows of an upload beyond its row. */
interface Job {
  readonly item: UploadItem;
  /** The key under which the upload is saved. */
  readonly key: string;
  /**
   * Sent with every attempt, so that a retry after a lost response doesn't begin a second upload.
   * It covers the title too, so that one is fixed with the first attempt.
   */
  attempt: { readonly idempotencyKey: string; readonly title: string } | undefined;
  checksums: readonly string[] | undefined;
  remoteId: string | undefined;
  /** Whether the user wants a picture that has been uploaded before. */
  evenIfKnown: boolean;
  /** Whether the next page could continue it. */
  isSaved: boolean;
  running: AbortController | undefined;
  /** Uploads that are under way at the same time have the same batch. */
  batch: number;
}

/** Three uploads use the full bandwidth and leave connections for other calls. */
const MAX_CONCURRENT = 3;

/** The upload queue. It lives outside React, so that navigating doesn't cancel uploads. */
export class UploadQueue<Picture extends StoredPicture = StoredPicture> {
  /** The uploads in the order in which they were added. Changes when one is added or removed. */
  readonly items: Store<readonly UploadItem[]> = createStore<readonly UploadItem[]>([]);
  /** Changes with the state of any upload, but not with progress. */
  readonly revision: Store<number> = createStore(0);
  readonly paused: Store<boolean> = createStore(false);

  /** Called for every stored picture, and again when its title has been changed. */
  onStored: (picture: Picture, file: Blob) => void = () => undefined;
  /** Called when an upload ends and the picture may or may not have been stored. */
  onOutcomeUnknown: () => void = () => undefined;

  private nextId = 1;
  private batch = 0;
  private owner = '';
  private readonly jobs = new Map<number, Job>();
  private readonly work: Work<Picture>;

  constructor(work: Work<Picture>) {
    this.work = work;
  }

  /** The current value of every upload. */
  get uploads(): readonly Upload[] {
    return this.items.get().map(({ store }) => store.get());
  }

  /**
   * Sets whose uploads these are, and continues those that an earlier page has left. Those of
   * another user stay saved until that one returns.
   */
  async restore(owner: string): Promise<void> {
    if (owner !== this.owner) this.forget();
    this.owner = owner;
    const known = new Set(Array.from(this.jobs.values(), ({ key }) => key));
    for (const saved of await this.work.saved.load(owner, known)) {
      if (this.owner !== owner) return;
      this.continue(saved);
    }
  }

  /** Adds files. Those that the service accepts are sent at once. */
  add(files: Iterable<File>): void {
    const jobs = Array.from(files, (file) =>
      this.create(file, file.name, titleOf(file.name), newIdempotencyKey(), { kind: 'checking' }),
    );
    this.append(jobs);
    for (const job of jobs) void this.checkAndEnqueue(job);
  }

  /** Changes a title. A picture that is already stored is renamed. */
  setTitle(id: number, title: string): void {
    const job = this.jobs.get(id);
    const cleaned = cleanTitle(title).trim();
    if (job === undefined || cleaned === '') return;
    this.change(job, { title: cleaned });
    void this.work.saved.update(job.key, { title: cleaned });
    const { state, file } = job.item.store.get();
    if (state.kind === 'stored') void this.rename(job, state.pictureId, file);
  }

  pause(): void {
    this.paused.set(true);
    for (const { running } of this.jobs.values()) running?.abort();
  }

  resume(): void {
    this.paused.set(false);
    this.pump();
  }

  retry(id: number): void {
    const job = this.jobs.get(id);
    if (job === undefined) return;
    const { state, type } = job.item.store.get();
    if (state.kind !== 'failed' && state.kind !== 'cancelled') return;
    // A cancelled upload is no longer saved.
    if (state.kind === 'cancelled' && type !== undefined) void this.save(job, type);
    this.enqueue(job);
  }

  retryAll(): void {
    for (const { item } of this.jobs.values()) {
      if (item.store.get().state.kind === 'failed') this.retry(item.id);
    }
  }

  /** Uploads a picture that has been uploaded before. */
  uploadAnyway(id: number): void {
    const job = this.jobs.get(id);
    if (job?.item.store.get().state.kind !== 'duplicate') return;
    job.evenIfKnown = true;
    this.enqueue(job);
  }

  cancel(id: number): void {
    const job = this.jobs.get(id);
    if (job === undefined || !isActive(job.item.store.get())) return;
    const { file } = job.item.store.get();
    const storing = job.running !== undefined && job.item.sent.get() >= file.size;
    this.setState(job, { kind: 'cancelled', storing });
    job.running?.abort();
    this.discard(job);
  }

  /** Removes an upload; a running one is cancelled. */
  remove(id: number): void {
    this.cancel(id);
    const job = this.jobs.get(id);
    if (job === undefined) return;
    this.discard(job);
    this.drop([id]);
  }

  /** Removes uploads that are stored, refused, cancelled or known. */
  clearSettled(): void {
    const settled: UploadState['kind'][] = ['stored', 'refused', 'cancelled', 'duplicate'];
    const ids = this.uploads.filter(({ state }) => settled.includes(state.kind));
    for (const { id } of ids) this.remove(id);
  }

  /** Cancels and removes all uploads, also those that are only saved. */
  clear(): void {
    for (const { item } of [...this.jobs.values()]) this.remove(item.id);
    if (this.owner !== '') void this.work.saved.clear(this.owner);
    this.forget();
  }

  /** Whether closing the page would lose an upload. */
  get wouldLose(): boolean {
    return Array.from(this.jobs.values()).some(
      ({ item, isSaved }) => isActive(item.store.get()) && !isSaved,
    );
  }

  /** The bytes of the uploads under way, and of those stored meanwhile. */
  overall(): { readonly sent: number; readonly total: number } {
    let sent = 0;
    let total = 0;
    for (const { item, batch } of this.jobs.values()) {
      const upload = item.store.get();
      const counts = batch === this.batch && (isActive(upload) || upload.state.kind === 'stored');
      if (!counts) continue;
      total += upload.file.size;
      sent += upload.state.kind === 'stored' ? upload.file.size : item.sent.get();
    }
    return { sent, total };
  }

  /** Stops everything and empties the list, but keeps what is saved. */
  private forget(): void {
    for (const { running } of this.jobs.values()) running?.abort();
    for (const { key } of this.jobs.values()) this.work.saved.release(key);
    this.drop([...this.jobs.keys()]);
    this.owner = '';
    this.paused.set(false);
  }

  private create(file: Blob, name: string, title: string, key: string, state: UploadState): Job {
    const id = this.nextId++;
    const store = createStore<Upload>({ id, file, name, title, state });
    return {
      item: { id, store, sent: createStore(0) },
      key,
      attempt: undefined,
      checksums: undefined,
      remoteId: undefined,
      evenIfKnown: false,
      isSaved: false,
      running: undefined,
      batch: 0,
    };
  }

  private append(jobs: readonly Job[]): void {
    for (const job of jobs) this.jobs.set(job.item.id, job);
    this.items.set([...this.items.get(), ...jobs.map(({ item }) => item)]);
    this.changed();
  }

  private drop(ids: readonly number[]): void {
    for (const id of ids) this.jobs.delete(id);
    this.items.set(this.items.get().filter(({ id }) => this.jobs.has(id)));
    this.changed();
  }

  private continue(saved: SavedUpload): void {
    const { file, name, title, key } = saved;
    const unreadable = 'The file can’t be read any more. Choose it again.';
    const state: UploadState = saved.readable
      ? { kind: 'checking' }
      : { kind: 'refused', reason: unreadable };
    const job = this.create(file, name, title, key, state);
    this.append([job]);
    if (!saved.readable) {
      void this.work.saved.remove(key);
      return;
    }
    if (saved.type !== undefined) this.change(job, { type: saved.type });
    job.attempt = saved.attempt;
    job.checksums = saved.checksums;
    job.remoteId = saved.remoteId;
    job.isSaved = true;
    job.evenIfKnown = saved.remoteId !== undefined;
    this.enqueue(job);
  }

  private async checkAndEnqueue(job: Job): Promise<void> {
    const { file } = job.item.store.get();
    let check = await this.work.check(file);
    if (!check.ok && check.convertible === true) {
      const converted = await this.work.convert(file);
      if (converted !== undefined) {
        check = await this.work.check(converted);
        this.change(job, {
          file: converted,
          note: 'Converted from HEIC to JPEG, without the camera’s data.',
        });
      }
    }
    if (!this.jobs.has(job.item.id)) return;
    if (!check.ok) {
      this.setState(job, { kind: 'refused', reason: check.reason });
      return;
    }
    this.change(job, { type: check.type });
    // Saved before it is sent, so that a page that is closed now can continue.
    await this.save(job, check.type);
    if (this.jobs.has(job.item.id)) this.enqueue(job);
    else void this.work.saved.remove(job.key);
  }

  private async save(job: Job, type: ImageType): Promise<void> {
    const { file, name, title } = job.item.store.get();
    const { owner } = this;
    job.isSaved = await this.work.saved.add({ key: job.key, owner, file, name, title, type });
  }

  private enqueue(job: Job): void {
    if (!Array.from(this.jobs.values()).some(({ item }) => isActive(item.store.get()))) {
      this.batch += 1;
    }
    job.batch = this.batch;
    this.setState(job, { kind: 'waiting' });
    this.pump();
  }

  private pump(): void {
    if (this.paused.get()) return;
    const jobs = [...this.jobs.values()];
    let running = jobs.filter((job) => job.running !== undefined).length;
    for (const job of jobs) {
      if (running >= MAX_CONCURRENT) return;
      // A retried upload waits until its cancelled attempt has ended.
      if (job.item.store.get().state.kind !== 'waiting' || job.running !== undefined) continue;
      running += 1;
      void this.run(job);
    }
  }

  private async run(job: Job): Promise<void> {
    const { item, key } = job;
    const controller = new AbortController();
    const { signal } = controller;
    job.running = controller;
    this.setState(job, { kind: 'sending', connected: true });
    const { file, type = 'image/png' } = item.store.get();
    try {
      job.checksums ??= await this.work.checksums(file, signal);
      signal.throwIfAborted();
      const known = job.evenIfKnown ? undefined : await this.titleOfTheSame(job);
      signal.throwIfAborted();
      if (known !== undefined) {
        this.setState(job, { kind: 'duplicate', title: known });
        void this.work.saved.remove(key);
        return;
      }
      job.attempt ??= { idempotencyKey: newIdempotencyKey(), title: item.store.get().title };
      const { attempt, checksums, remoteId } = job;
      void this.work.saved.update(key, { attempt, checksums });
      const source: Source = {
        ...attempt,
        file,
        size_bytes: file.size,
        content_type: type,
        checksums,
        remoteId,
      };
      const events: Events = {
        onBegun: (id) => {
          job.remoteId = id;
          void this.work.saved.update(key, { remoteId: id });
        },
        onProgress: (sent) => {
          if (!signal.aborted) item.sent.set(sent);
        },
        onConnection: (connected) => {
          const { state } = item.store.get();
          if (state.kind === 'sending' && state.connected !== connected) {
            this.setState(job, { kind: 'sending', connected });
          }
        },
      };
      const picture = await this.work.send(source, events, signal);
      this.setState(job, { kind: 'stored', pictureId: picture.id });
      const { title } = item.store.get();
      void this.work.saved.finish(key, this.owner, checksums, { id: picture.id, title });
      this.onStored(picture, file);
      if (title !== attempt.title) void this.rename(job, picture.id, file);
    } catch (error) {
      const { state } = item.store.get();
      if (isAbort(error)) {
        if (state.kind === 'sending') this.setState(job, { kind: 'waiting' });
      } else if (state.kind === 'sending') {
        this.setState(job, { kind: 'failed', reason: reasonOf(error) });
      }
      if (item.sent.get() >= file.size) this.onOutcomeUnknown();
      item.sent.set(0);
    } finally {
      job.running = undefined;
      this.pump();
    }
  }

  /** The title of an upload with the same bytes, in this list or stored earlier. */
  private async titleOfTheSame(job: Job): Promise<string | undefined> {
    const { checksums = [] } = job;
    const same = (other: Job) =>
      other !== job &&
      other.checksums !== undefined &&
      String(other.checksums) === String(checksums);
    for (const other of this.jobs.values()) {
      const { state, title } = other.item.store.get();
      if (same(other) && (state.kind === 'sending' || state.kind === 'stored')) return title;
    }
    const { saved, titleOf } = this.work;
    const stored = await saved.pictureOf(this.owner, checksums);
    if (stored === undefined) return undefined;
    // It may have been deleted, also from another device.
    const title = await titleOf(stored.id).catch(() => stored.title);
    if (title === undefined) void saved.forget(stored.id);
    return title;
  }

  private async rename(job: Job, pictureId: string, file: Blob): Promise<void> {
    const { title } = job.item.store.get();
    try {
      this.onStored(await this.work.rename(pictureId, title), file);
    } catch (error) {
      this.change(job, { note: `The title wasn’t changed. ${describeError(error)}` });
    }
  }

  /** Forgets a cancelled upload here and at the service. */
  private discard(job: Job): void {
    const { remoteId, key } = job;
    const { state } = job.item.store.get();
    void this.work.saved.remove(key);
    if (remoteId === undefined || state.kind === 'stored') return;
    job.remoteId = undefined;
    job.attempt = undefined;
    // Uploads that are never completed disappear within a day anyway.
    this.work.abort(remoteId).catch(() => undefined);
  }

  private setState(job: Job, state: UploadState): void {
    this.change(job, { state });
    this.changed();
  }

  private change(job: Job, change: Partial<Upload>): void {
    job.item.store.set({ ...job.item.store.get(), ...change });
  }

  private changed(): void {
    this.revision.set(this.revision.get() + 1);
  }
}

/** Why an upload failed. */
function reasonOf(error: unknown): string {
  if (!(error instanceof PartError)) return describeError(error);
  if (error.status === 0)
    return 'The storage can’t be reached. Check your connection and try again.';
  // The bytes don't have the checksum that was announced.
  if (error.status === 400) return 'The file has changed since it was chosen. Choose it again.';
  return 'The storage didn’t accept the picture. Try again.';
}

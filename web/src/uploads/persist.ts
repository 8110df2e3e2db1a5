import type { DBSchema, IDBPDatabase } from 'idb';
import type { ImageType } from '../pictures/image';

/** An upload that hasn't been completed, as it is kept across reloads. */
export interface UploadRecord {
  readonly key: string;
  /** The user's name. */
  readonly owner: string;
  readonly file: Blob;
  readonly name: string;
  readonly title: string;
  readonly type?: ImageType;
  readonly attempt?: { readonly idempotencyKey: string; readonly title: string } | undefined;
  readonly checksums?: readonly string[] | undefined;
  /** The upload's id at the service. */
  readonly remoteId?: string | undefined;
}

export interface SavedUpload extends UploadRecord {
  /** Whether the browser still has the file. */
  readonly readable: boolean;
}

/** Where uploads are kept until they are completed. */
export interface SavedUploads {
  /** Saves an upload; returns whether that worked. */
  readonly add: (record: UploadRecord) => Promise<boolean>;
  readonly update: (key: string, change: Partial<UploadRecord>) => Promise<void>;
  readonly remove: (key: string) => Promise<void>;
  /** Removes an upload and remembers its picture, to recognize the same bytes later. */
  readonly finish: (
    key: string,
    owner: string,
    checksums: readonly string[],
    picture: { readonly id: string; readonly title: string },
  ) => Promise<void>;
  /** The uploads of a user that no open page is working on, apart from the `known` ones. */
  readonly load: (owner: string, known: ReadonlySet<string>) => Promise<readonly SavedUpload[]>;
  /** Leaves an upload to other pages. */
  readonly release: (key: string) => void;
  /** The picture that the same bytes have become. It may have been deleted since. */
  readonly pictureOf: (
    owner: string,
    checksums: readonly string[],
  ) => Promise<{ readonly id: string; readonly title: string } | undefined>;
  /** Forgets a deleted picture. */
  readonly forget: (pictureId: string) => Promise<void>;
  /** Removes everything of a user. */
  readonly clear: (owner: string) => Promise<void>;
}

interface Stored {
  /** The user's name and the picture's checksums. */
  readonly bytes: string;
  readonly owner: string;
  readonly id: string;
  readonly title: string;
}

interface Schema extends DBSchema {
  uploads: { key: string; value: UploadRecord; indexes: { owner: string } };
  stored: { key: string; value: Stored; indexes: { owner: string; id: string } };
}

const NAME = 'trichrome-uploads';

/** Keeps uploads in IndexedDB. Without it, as in some private windows, nothing is kept. */
export class IndexedDbUploads implements SavedUploads {
  private opened: Promise<IDBPDatabase<Schema> | undefined> | undefined;
  /** Ends this page's claim on an upload. */
  private readonly claims = new Map<string, () => void>();
  private readonly locks: LockManager | undefined;

  /** `locks` is missing on plain-http addresses of a local network. */
  constructor(locks = (navigator as { locks?: LockManager }).locks) {
    this.locks = locks;
  }

  async add(record: UploadRecord): Promise<boolean> {
    await this.claim(record.key);
    // A full disk costs the resumption after a reload, not the upload.
    return (await this.attempt((db) => db.put('uploads', record))) !== undefined;
  }

  async update(key: string, change: Partial<UploadRecord>): Promise<void> {
    await this.attempt(async (db) => {
      const transaction = db.transaction('uploads', 'readwrite');
      const record = await transaction.store.get(key);
      if (record !== undefined) await transaction.store.put({ ...record, ...change });
      await transaction.done;
    });
  }

  async remove(key: string): Promise<void> {
    await this.attempt((db) => db.delete('uploads', key));
    this.release(key);
  }

  async finish(
    key: string,
    owner: string,
    checksums: readonly string[],
    { id, title }: { readonly id: string; readonly title: string },
  ): Promise<void> {
    const bytes = nameOf(owner, checksums);
    await this.attempt((db) => db.put('stored', { bytes, owner, id, title }));
    await this.remove(key);
  }

  async load(owner: string, known: ReadonlySet<string>): Promise<readonly SavedUpload[]> {
    const records =
      (await this.attempt((db) => db.getAllFromIndex('uploads', 'owner', owner))) ?? [];
    const saved: SavedUpload[] = [];
    for (const record of records) {
      if (known.has(record.key) || !(await this.claim(record.key))) continue;
      saved.push({ ...record, readable: await isReadable(record.file) });
    }
    return saved;
  }

  release(key: string): void {
    this.claims.get(key)?.();
    this.claims.delete(key);
  }

  async pictureOf(owner: string, checksums: readonly string[]): Promise<Stored | undefined> {
    return this.attempt((db) => db.get('stored', nameOf(owner, checksums)));
  }

  async clear(owner: string): Promise<void> {
    await this.attempt(async (db) => {
      for (const store of ['uploads', 'stored'] as const) {
        const keys = await db.getAllKeysFromIndex(store, 'owner', owner);
        for (const key of keys) {
          await db.delete(store, key);
          this.release(key);
        }
      }
    });
  }

  async forget(pictureId: string): Promise<void> {
    await this.attempt(async (db) => {
      const keys = await db.getAllKeysFromIndex('stored', 'id', pictureId);
      for (const key of keys) await db.delete('stored', key);
    });
  }

  private async attempt<T>(work: (db: IDBPDatabase<Schema>) => Promise<T>): Promise<T | undefined> {
    this.opened ??= open().catch(() => undefined);
    const db = await this.opened;
    if (db === undefined) return undefined;
    return work(db).catch(() => undefined);
  }

  /**
   * Claims an upload for this page until it is released or the page ends. Without locks, two pages
   * may continue the same upload. That sends some bytes twice, and still makes one picture.
   */
  private async claim(key: string): Promise<boolean> {
    const { locks } = this;
    if (locks === undefined || this.claims.has(key)) return true;
    return new Promise((resolve) => {
      const held = locks.request(`trichrome-upload-${key}`, { ifAvailable: true }, (lock) => {
        resolve(lock !== null);
        if (lock === null) return undefined;
        return new Promise<void>((release) => this.claims.set(key, release));
      });
      held.catch(() => resolve(false));
    });
  }
}

// `async`, because a browser that denies storage may throw at once.
async function open(): Promise<IDBPDatabase<Schema>> {
  const { openDB } = await import('idb');
  return openDB<Schema>(NAME, 1, {
    upgrade(db) {
      db.createObjectStore('uploads', { keyPath: 'key' }).createIndex('owner', 'owner');
      const stored = db.createObjectStore('stored', { keyPath: 'bytes' });
      stored.createIndex('owner', 'owner');
      stored.createIndex('id', 'id');
    },
  });
}

const nameOf = (owner: string, checksums: readonly string[]) => `${owner} ${checksums.join(' ')}`;

/** Reads both ends of a file: a browser may have the record of a file and not its bytes. */
async function isReadable(file: Blob): Promise<boolean> {
  try {
    const first = await file.slice(0, 1).arrayBuffer();
    const last = await file.slice(-1).arrayBuffer();
    return first.byteLength === 1 && last.byteLength === 1;
  } catch {
    return false;
  }
}

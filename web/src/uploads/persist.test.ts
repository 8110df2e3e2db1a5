import { Blob as NodeBlob } from 'node:buffer';
import 'fake-indexeddb/auto';
import { IDBFactory } from 'fake-indexeddb';
import { beforeEach, expect, it, vi } from 'vitest';
import { IndexedDbUploads, type UploadRecord } from './persist';

beforeEach(() => {
  vi.stubGlobal('indexedDB', new IDBFactory());
});

/** Locks of one browser, shared by its pages. */
class FakeLocks {
  private readonly held = new Set<string>();

  async request(name: string, _options: LockOptions, work: (lock: object | null) => unknown) {
    if (this.held.has(name)) {
      await work(null);
      return;
    }
    this.held.add(name);
    await work({});
    this.held.delete(name);
  }
}

const locks = () => new FakeLocks() as unknown as LockManager;

/** Node's blobs can be cloned into its fake of IndexedDB; jsdom's can't. */
const blobOf = (text: string) => new NodeBlob([text]) as unknown as Blob;

const recordOf = (key: string, owner = 'ada'): UploadRecord => ({
  key,
  owner,
  file: blobOf('picture'),
  name: 'harbour.png',
  title: 'harbour',
  type: 'image/png',
});

const NONE = new Set<string>();

it('keeps uploads for the next page, with their progress', async () => {
  const first = new IndexedDbUploads(locks());
  await first.add(recordOf('a'));
  await first.update('a', { remoteId: 'upload-1', checksums: ['sum'] });
  await first.add(recordOf('b', 'grace'));

  const next = new IndexedDbUploads(locks());
  const [saved, ...others] = await next.load('ada', NONE);
  expect(others).toEqual([]);
  expect(saved).toMatchObject({
    key: 'a',
    remoteId: 'upload-1',
    checksums: ['sum'],
    readable: true,
  });
  expect(await saved?.file.text()).toBe('picture');
  expect(await next.load('ada', new Set(['a']))).toEqual([]);
});

it('reports a file that can’t be read any more', async () => {
  const uploads = new IndexedDbUploads(locks());
  await uploads.add({ ...recordOf('a'), file: blobOf('') });
  expect(await uploads.load('ada', NONE)).toMatchObject([{ readable: false }]);
});

it('leaves an upload to the page that is working on it', async () => {
  const shared = locks();
  const first = new IndexedDbUploads(shared);
  await first.add(recordOf('a'));
  const second = new IndexedDbUploads(shared);
  expect(await second.load('ada', NONE)).toEqual([]);
  first.release('a');
  await expect.poll(async () => (await second.load('ada', NONE)).length).toBe(1);
});

it('recognizes bytes that have been stored, until the picture is deleted', async () => {
  const uploads = new IndexedDbUploads(locks());
  await uploads.add(recordOf('a'));
  await uploads.finish('a', 'ada', ['1', '2'], { id: 'picture-1', title: 'Harbour' });
  expect(await uploads.load('ada', NONE)).toEqual([]);
  expect(await uploads.pictureOf('ada', ['1', '2'])).toMatchObject({
    id: 'picture-1',
    title: 'Harbour',
  });
  expect(await uploads.pictureOf('ada', ['1'])).toBeUndefined();
  expect(await uploads.pictureOf('grace', ['1', '2'])).toBeUndefined();
  await uploads.forget('picture-1');
  expect(await uploads.pictureOf('ada', ['1', '2'])).toBeUndefined();
});

it('removes everything of a user who logs out', async () => {
  const uploads = new IndexedDbUploads(locks());
  await uploads.add(recordOf('a'));
  await uploads.add(recordOf('b', 'grace'));
  await uploads.finish('c', 'ada', ['1'], { id: 'picture-1', title: 'Harbour' });
  await uploads.clear('ada');
  expect(await uploads.load('ada', NONE)).toEqual([]);
  expect(await uploads.pictureOf('ada', ['1'])).toBeUndefined();
  expect(await new IndexedDbUploads(locks()).load('grace', NONE)).toHaveLength(1);
});

it('works without storage and without locks', async () => {
  vi.stubGlobal('indexedDB', {
    open: () => {
      throw new DOMException('denied', 'SecurityError');
    },
  });
  const uploads = new IndexedDbUploads(undefined);
  expect(await uploads.add(recordOf('a'))).toBe(false);
  expect(await uploads.load('ada', NONE)).toEqual([]);
  expect(await uploads.pictureOf('ada', ['1'])).toBeUndefined();
});

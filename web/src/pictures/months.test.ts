import { beforeEach, expect, it, vi } from 'vitest';
import { startSession } from '../api/session';
import { backend } from '../test/backend';
import { base64Of } from '../test/images';
import { fetchMonth, fetchMonthEntries } from './months';
import { forgetAllPictures, loadThumbnail } from './variants';

const MONTH = '2026-07';
const COUNT = 30;

beforeEach(async () => {
  await forgetAllPictures();
  startSession(backend.addUser('ada', 'a password'), 'ada');
  for (let at = 0; at < COUNT; at++) {
    backend.addPicture('ada', `Picture ${at}`, base64Of('webp'), new Date(`${MONTH}-10T10:00:00Z`));
  }
});

const calls = () => backend.requests.map(({ url }) => url);

it('loads thumbnails by the links of the index alone', async () => {
  const entries = await fetchMonth('taken', MONTH);
  expect(entries).toHaveLength(COUNT);
  const blobs = await Promise.all(entries.map((entry) => loadThumbnail(entry)));
  expect(blobs.every(({ size }) => size > 0)).toBe(true);
  expect(calls()).toEqual([`/pictures/index?order=taken&month=${MONTH}&links=true`]);
  expect(new Set(backend.downloads).size).toBe(COUNT);
});

it('requests a month again, once, when its links are missing or refused', async () => {
  const entries = await fetchMonthEntries('taken', MONTH);
  expect(calls()).toEqual([`/pictures/index?order=taken&month=${MONTH}`]);
  await Promise.all(entries.slice(0, 10).map((entry) => loadThumbnail(entry)));
  expect(calls()).toHaveLength(2);

  backend.endLinks();
  vi.spyOn(Date, 'now').mockReturnValue(Date.now() + 60_000);
  await Promise.all(entries.slice(10).map((entry) => loadThumbnail(entry)));
  expect(calls()).toHaveLength(3);
  expect(calls().at(-1)).toBe(`/pictures/index?order=taken&month=${MONTH}&links=true`);
});

it('requests a month again when its links have expired', async () => {
  const entries = await fetchMonth('taken', MONTH);
  vi.spyOn(Date, 'now').mockReturnValue(Date.now() + 2 * 3_600_000);
  await Promise.all(entries.map((entry) => loadThumbnail(entry)));
  expect(calls()).toHaveLength(2);
  expect(backend.downloads).toHaveLength(COUNT);
});

it('reports a thumbnail that the storage refuses in spite of a new link', async () => {
  const [entry] = await fetchMonth('taken', MONTH);
  if (entry === undefined) throw new Error('no picture');
  vi.spyOn(globalThis, 'fetch').mockImplementation(async (input, init) => {
    const request = new Request(input, init);
    if (request.url.includes('thumbnail')) return new Response(null, { status: 403 });
    return (await backend.handle(request)) ?? Response.error();
  });
  await expect(loadThumbnail(entry)).rejects.toThrow('refused');
});

it('asks for a picture only if it has no thumbnail', async () => {
  const at = new Date(`${MONTH}-20T10:00:00Z`);
  const { id } = backend.addPicture('ada', 'For browsers', base64Of('avif'), at, {
    withoutThumbnail: true,
  });
  const [entry] = await fetchMonth('taken', MONTH);
  if (entry === undefined) throw new Error('no picture');
  expect(entry.id).toBe(id);
  expect((await loadThumbnail(entry)).type).toBe('image/avif');
  expect(calls().slice(1)).toEqual([`/pictures/${id}?metadata_only=true`]);
  expect(backend.downloads).toEqual([`${id}/original`]);
});

it('leaves out what isn’t wanted any longer, and begins with what was wanted last', async () => {
  const entries = await fetchMonth('taken', MONTH);
  const controller = new AbortController();
  const gone = entries.slice(0, 20).map((entry) => loadThumbnail(entry, controller.signal));
  const settled = Promise.allSettled(gone);
  // Both a tile and the viewer want it; only the tile goes.
  const [shared] = entries;
  const kept = shared && loadThumbnail(shared);
  const last = entries.slice(20).map((entry) => loadThumbnail(entry));
  controller.abort();
  await Promise.all([kept, ...last]);
  const rejected = (await settled).filter(({ status }) => status === 'rejected').length;
  expect(rejected).toBeGreaterThan(0);
  expect(backend.downloads.length).toBe(COUNT - rejected);
});

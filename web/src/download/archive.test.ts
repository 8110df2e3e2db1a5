import { Blob as NodeBlob } from 'node:buffer';
import { unzipSync } from 'fflate';
import { beforeEach, expect, it, vi } from 'vitest';
import { archive, type ArchiveFile, MISSING_NAME, type Report } from './archive';

beforeEach(() => {
  // jsdom's blobs can't be streamed.
  vi.stubGlobal('Blob', NodeBlob);
});

const contentOf = (text: string) => ({
  blob: new Blob([text]),
  ending: 'png',
  modified: new Date('2026-07-14T18:03:20Z'),
});

const file = (title: string, content: string | Error): ArchiveFile => ({
  title,
  read: () =>
    content instanceof Error ? Promise.reject(content) : Promise.resolve(contentOf(content)),
});

async function* each<T>(items: Iterable<T>): AsyncGenerator<T> {
  for (const item of items) {
    await Promise.resolve();
    yield item;
  }
}

const options = (more: object = {}) => ({
  reasonOf: (error: unknown) => (error instanceof Error ? error.message : 'unknown'),
  signal: new AbortController().signal,
  ...more,
});

async function bytesOf(stream: ReadableStream<Uint8Array>): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  const reader = stream.getReader();
  for (;;) {
    const { done, value } = await reader.read();
    if (done) break;
    chunks.push(value);
  }
  return new Uint8Array(Buffer.concat(chunks));
}

const text = (bytes: Uint8Array | undefined) => new TextDecoder().decode(bytes);

it('writes every file, with equal names told apart', async () => {
  const files = [file('Harbour', 'one'), file('harbour', 'two'), file('Zürich 🏔', 'three')];
  const { stream, report } = await archive(each(files), [], options({ folder: 'Pictures/' }));
  const unzipped = unzipSync(await bytesOf(stream));
  expect(Object.keys(unzipped)).toEqual([
    'Pictures/Harbour.png',
    'Pictures/harbour (2).png',
    'Pictures/Zürich 🏔.png',
  ]);
  expect(text(unzipped['Pictures/harbour (2).png'])).toBe('two');
  expect(report()).toEqual({ files: 3, missing: [] });
});

it('names a missing file and writes the others', async () => {
  const onProgress = vi.fn<(report: Report) => void>();
  const files = [file('a', 'one'), file('b', new Error('not found')), file('c', 'three')];
  const { stream, report } = await archive(each(files), [], options({ onProgress }));
  const unzipped = unzipSync(await bytesOf(stream));
  expect(Object.keys(unzipped)).toEqual(['a.png', 'c.png', MISSING_NAME]);
  expect(text(unzipped[MISSING_NAME])).toBe('b: not found\r\n');
  expect(report()).toEqual({ files: 2, missing: [{ title: 'b', reason: 'not found' }] });
  expect(onProgress).toHaveBeenCalledTimes(3);
});

it('adds files that are generated while they are written', async () => {
  const generated = [{ name: 'calls.json', chunks: each(['[', '1', ']']) }];
  const { stream } = await archive(each([]), generated, options());
  expect(text(unzipSync(await bytesOf(stream))['calls.json'])).toBe('[1]');
});

it('reads files only as the archive is read', async () => {
  const read = vi.fn(() => Promise.resolve(contentOf('x'.repeat(100_000))));
  const files = Array.from({ length: 20 }, () => ({ title: 'a', read }));
  const { stream } = await archive(each(files), [], options());
  const reader = stream.getReader();
  await reader.read();
  await reader.read();
  expect(read.mock.calls.length).toBeLessThan(6);
  await reader.cancel().catch(() => undefined);
});

it('stops when it is cancelled', async () => {
  const controller = new AbortController();
  const { stream } = await archive(
    each([file('a', 'one'), file('b', 'two')]),
    [],
    options({ signal: controller.signal }),
  );
  controller.abort();
  await expect(bytesOf(stream)).rejects.toThrow();
});

it('names the files beyond those that an archive can have', async () => {
  const files = [file('a', 'one'), file('b', 'two'), file('c', 'three')];
  const { stream, report } = await archive(each(files), [], options({ maxFiles: 2 }));
  expect(Object.keys(unzipSync(await bytesOf(stream)))).toEqual(['a.png', 'b.png', MISSING_NAME]);
  expect(report().missing.map(({ title }) => title)).toEqual(['c']);
  expect(report().missing[0]?.reason).toMatch(/holds 2 files/);
});

import { createHash } from 'node:crypto';
import { expect, it } from 'vitest';
import { checksumsOf, PART_BYTES, partsOf, SINGLE_PART_BYTES } from './parts';

it('sends a file of up to 16 MiB in one part', () => {
  expect(partsOf(1)).toEqual([{ number: 1, start: 0, end: 1 }]);
  expect(partsOf(SINGLE_PART_BYTES)).toEqual([{ number: 1, start: 0, end: SINGLE_PART_BYTES }]);
});

it('divides a larger file into parts of 8 MiB, the last one shorter', () => {
  expect(partsOf(SINGLE_PART_BYTES + 1)).toEqual([
    { number: 1, start: 0, end: PART_BYTES },
    { number: 2, start: PART_BYTES, end: 2 * PART_BYTES },
    { number: 3, start: 2 * PART_BYTES, end: 2 * PART_BYTES + 1 },
  ]);
  expect(partsOf(24 * 1024 * 1024)).toHaveLength(3);
});

it('hashes each part', async () => {
  const bytes = new Uint8Array(SINGLE_PART_BYTES + 3).fill(7);
  const hash = (from: number, to: number) =>
    createHash('sha256').update(bytes.subarray(from, to)).digest('base64');
  expect(await checksumsOf(new Blob([bytes]))).toEqual([
    hash(0, PART_BYTES),
    hash(PART_BYTES, 2 * PART_BYTES),
    hash(2 * PART_BYTES, bytes.length),
  ]);
});

it('stops hashing when the upload is cancelled', async () => {
  await expect(checksumsOf(new Blob(['a']), AbortSignal.abort())).rejects.toThrow();
});

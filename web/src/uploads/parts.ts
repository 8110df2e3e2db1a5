import { sha256 } from './hash';

const MIB = 1024 * 1024;

/** A file of up to this size is one part. */
export const SINGLE_PART_BYTES = 16 * MIB;

/** The size of the parts of a larger file. The last one may be shorter. */
export const PART_BYTES = 8 * MIB;

/** A part of a file, from `start` to before `end`. */
export interface Part {
  /** From 1. */
  readonly number: number;
  readonly start: number;
  readonly end: number;
}

/** Divides a file into the parts that the contract prescribes. */
export function partsOf(size: number): readonly Part[] {
  const length = size <= SINGLE_PART_BYTES ? Math.max(size, 1) : PART_BYTES;
  return Array.from({ length: Math.ceil(size / length) }, (_, index) => ({
    number: index + 1,
    start: index * length,
    end: Math.min((index + 1) * length, size),
  }));
}

/** The SHA-256 of each part in base64. The parts are read one after the other, to save memory. */
export async function checksumsOf(file: Blob, signal?: AbortSignal): Promise<readonly string[]> {
  const checksums: string[] = [];
  for (const { start, end } of partsOf(file.size)) {
    signal?.throwIfAborted();
    checksums.push(await sha256(file.slice(start, end)));
  }
  return checksums;
}

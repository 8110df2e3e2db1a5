import { FileNames } from './names';

/** What is known of a file once it has been read. */
export interface Content {
  readonly blob: Blob;
  /** The name's ending without the dot, or empty. */
  readonly ending: string;
  readonly modified: Date;
}

/** A file of an archive. */
export interface ArchiveFile {
  readonly title: string;
  /** Called when the archive gets to this file. */
  readonly read: () => Promise<Content>;
}

/** A file with content that is generated while it is written. */
export interface GeneratedFile {
  readonly name: string;
  readonly chunks: AsyncIterable<string>;
}

export interface Missing {
  readonly title: string;
  readonly reason: string;
}

export interface Report {
  /** The number of files in the archive. */
  readonly files: number;
  /** The files that couldn't be read. The archive lists them too. */
  readonly missing: readonly Missing[];
}

export interface ArchiveOptions {
  /** A folder within the archive for the files, such as `Pictures/`. */
  readonly folder?: string;
  readonly reasonOf: (error: unknown) => string;
  readonly onProgress?: (report: Report) => void;
  readonly signal: AbortSignal;
  /** The most files of an archive. */
  readonly maxFiles?: number;
}

/** `client-zip` uses zip64 for archives beyond 4 GiB, but not for more than 65,535 files. */
const MAX_FILES = 65_000;

/** The name of the list of missing files. */
export const MISSING_NAME = 'Missing pictures.txt';

interface Entry {
  readonly name: string;
  readonly lastModified: Date;
  readonly input: Blob | AsyncIterable<string>;
}

/**
 * Makes a ZIP archive while it is read, so that it may be larger than the memory. A file that can't be
 * read is listed in the archive and in the report; the others are still written.
 */
export async function archive(
  files: AsyncIterable<ArchiveFile>,
  generated: readonly GeneratedFile[],
  { folder = '', maxFiles = MAX_FILES, reasonOf, onProgress, signal }: ArchiveOptions,
): Promise<{ stream: ReadableStream<Uint8Array<ArrayBuffer>>; report: () => Report }> {
  const { makeZip } = await import('client-zip');
  const missing: Missing[] = [];
  let count = 0;
  const report = (): Report => ({ files: count, missing: [...missing] });

  async function* entries(): AsyncGenerator<Entry> {
    const names = new FileNames();
    for await (const file of ahead(files)) {
      signal.throwIfAborted();
      if (count === maxFiles) {
        const reason = `An archive holds ${maxFiles} files. Download this one separately.`;
        missing.push({ title: file.title, reason });
        continue;
      }
      const content = await file.content;
      if ('error' in content) {
        missing.push({ title: file.title, reason: reasonOf(content.error) });
      } else {
        count += 1;
        const name = folder + names.take(file.title, content.ending);
        yield { name, lastModified: content.modified, input: content.blob };
      }
      onProgress?.(report());
    }
    const now = new Date();
    for (const { name, chunks } of generated) {
      yield { name, lastModified: now, input: chunks };
    }
    if (missing.length > 0) {
      const lines = missing.map(({ title, reason }) => `${title}: ${reason}\r\n`);
      yield { name: MISSING_NAME, lastModified: now, input: new Blob(lines) };
    }
  }
  return { stream: makeZip(entries()) as ReadableStream<Uint8Array<ArrayBuffer>>, report };
}

interface Reading {
  readonly title: string;
  readonly content: Promise<Content | { readonly error: unknown }>;
}

/** Reads the next file while the current one is written. */
async function* ahead(files: AsyncIterable<ArchiveFile>): AsyncGenerator<Reading> {
  let next: Reading | undefined;
  for await (const { title, read } of files) {
    const reading = { title, content: read().catch((error: unknown) => ({ error })) };
    if (next !== undefined) yield next;
    next = reading;
  }
  if (next !== undefined) yield next;
}

import { api, unwrap } from '../api/client';
import type { LogEntry, Picture } from '../api/types';
import { omit } from '../lib/omit';
import { archive, type Report } from './archive';
import { archiveName, type DownloadOptions, readPicture, reasonOf } from './pictures';
import { withRetries } from './retry';
import { saveStream } from './save';

/** The user whose data is downloaded. */
export interface Owner {
  readonly id: string;
  readonly username: string;
}

const PICTURES_PER_CALL = 100;
const CALLS_PER_CALL = 500;

/**
 * Downloads everything that the service has of a user as one ZIP: the pictures, `pictures.json` with
 * their titles, `calls.json` with the log of the user's calls, and `account.json`.
 */
export async function downloadAccount(
  owner: Owner,
  { signal, onProgress }: DownloadOptions,
): Promise<Report> {
  const listed: Omit<Picture, 'base64' | 'content' | 'links'>[] = [];

  async function* files() {
    for await (const picture of allPictures(signal)) {
      listed.push(omit(picture, 'base64', 'content', 'links'));
      yield { title: picture.title, read: () => readPicture(picture.id, signal) };
    }
  }
  async function* pictures() {
    yield await Promise.resolve(JSON.stringify(listed, undefined, 2));
  }
  async function* account() {
    const { id, username } = owner;
    const about = { id, username, downloaded_at: new Date().toISOString() };
    yield await Promise.resolve(JSON.stringify(about, undefined, 2));
  }
  const { stream, report } = await archive(
    files(),
    [
      { name: 'pictures.json', chunks: pictures() },
      { name: 'calls.json', chunks: jsonList(allCalls(signal)) },
      { name: 'account.json', chunks: account() },
    ],
    { folder: 'Pictures/', reasonOf, signal, ...(onProgress && { onProgress }) },
  );
  await saveStream(stream, archiveName('data'), 'application/zip');
  return report();
}

/** All pictures of the user, newest first. */
async function* allPictures(signal: AbortSignal): AsyncGenerator<Picture> {
  let cursor = '';
  do {
    const query = { limit: PICTURES_PER_CALL, metadata_only: true, ...(cursor && { cursor }) };
    const { data, response } = await withRetries(
      () => unwrap(api().GET('/pictures', { params: { query }, signal })),
      signal,
    );
    yield* data;
    cursor = response.headers.get('next-cursor') ?? '';
  } while (cursor !== '');
}

/** The log of the user's calls, newest first. */
async function* allCalls(signal: AbortSignal): AsyncGenerator<LogEntry> {
  let cursor = '';
  do {
    const query = { limit: CALLS_PER_CALL, own: true, ...(cursor && { cursor }) };
    const { data } = await withRetries(
      () => unwrap(api().GET('/analytics', { params: { query }, signal })),
      signal,
    );
    yield* data.logs;
    cursor = data.next_cursor;
  } while (cursor !== '');
}

/** A JSON list, one item a line, without holding all of it. */
async function* jsonList(items: AsyncIterable<unknown>): AsyncGenerator<string> {
  let separator = '[\n';
  for await (const item of items) {
    yield separator + JSON.stringify(item);
    separator = ',\n';
  }
  yield separator === '[\n' ? '[]\n' : '\n]\n';
}

import { createRef } from 'react';
import { api, unwrap } from '../api/client';
import { ApiError } from '../api/errors';
import type { Picture } from '../api/types';
import { fetchPicture } from '../pictures/requests';
import { checkFile } from './checkFile';
import { convertToJpeg } from './convert';
import { checksumsOf } from './parts';
import { IndexedDbUploads } from './persist';
import { putPart } from './putPart';
import { type Route, Slots, transfer, type UploadApi } from './transfer';
import { UploadQueue } from './UploadQueue';
import { browserWaits } from './waits';

/** The most parts sent at once. HTTP/1.1 has six connections to a host, and thumbnails need some. */
const MAX_PARTS = 4;

/** The service's operations for uploads, over the transport chosen at the time of each call. */
const uploadApi: UploadApi<Picture> = {
  begin: async ({ title, size_bytes, content_type, checksums }, key, signal) => {
    const { data } = await unwrap(
      api().POST('/uploads', {
        body: { title, size_bytes, content_type, checksums: [...checksums] },
        headers: { 'idempotency-key': key },
        signal,
      }),
    );
    return data;
  },
  get: async (upload_id, signal) => {
    const params = { path: { upload_id } };
    return (await unwrap(api().GET('/uploads/{upload_id}', { params, signal }))).data;
  },
  complete: async (upload_id, signal) => {
    const params = { path: { upload_id } };
    return (await unwrap(api().POST('/uploads/{upload_id}/complete', { params, signal }))).data;
  },
};

const route: Route<Picture> = {
  api: uploadApi,
  put: putPart,
  slots: new Slots(MAX_PARTS),
  waits: browserWaits,
};

/** The app's upload queue. */
export const uploads = new UploadQueue<Picture>({
  check: checkFile,
  convert: convertToJpeg,
  checksums: checksumsOf,
  send: (source, events, signal) => transfer(source, route, events, signal),
  abort: async (upload_id) => {
    await unwrap(api().DELETE('/uploads/{upload_id}', { params: { path: { upload_id } } }));
  },
  rename: async (picture_id, title) => {
    const request = { params: { path: { picture_id } }, body: { title } };
    return (await unwrap(api().PATCH('/pictures/{picture_id}', request))).data;
  },
  titleOf: async (picture_id) => {
    try {
      return (await fetchPicture(picture_id)).title;
    } catch (error) {
      if (error instanceof ApiError && error.status === 404) return undefined;
      throw error;
    }
  },
  saved: new IndexedDbUploads(),
});

/** The file chooser, which is on every page. */
export const chooserRef = createRef<HTMLInputElement>();

/** Uploads files, or lets the user choose some. */
export function openUploads(files?: Iterable<File>): void {
  if (files === undefined) chooserRef.current?.click();
  else uploads.add(files);
}

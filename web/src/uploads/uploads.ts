import { api, sendingWith, unwrap } from '../api/client';
import { sendWithProgress } from '../api/xhr';
import { toBase64 } from '../pictures/image';
import { createStore } from '../lib/store';
import { UploadQueue } from './UploadQueue';

/** The app's upload queue. Each upload uses the transport chosen when it starts. */
export const uploads = new UploadQueue(async (upload, onProgress, signal) => {
  const base64 = await toBase64(upload.file);
  const { data } = await unwrap(
    api().POST('/pictures', {
      body: { title: upload.title.trim(), base64 },
      headers: { 'idempotency-key': upload.idempotencyKey },
      signal,
      ...sendingWith((request) => sendWithProgress(request, onProgress)),
    }),
  );
  return data;
});

/** Whether the upload dialog is open. */
export const uploadDialogStore = createStore(false);

export function openUploads(files: Iterable<File> = []): void {
  uploads.add(files);
  uploadDialogStore.set(true);
}

export function closeUploads(): void {
  uploadDialogStore.set(false);
}

import type { ImageType } from '../pictures/image';
import type { Store } from '../lib/store';

export type UploadState =
  /** Its first bytes are being checked, or it is being converted. */
  | { readonly kind: 'checking' }
  /** The service wouldn't accept it. */
  | { readonly kind: 'refused'; readonly reason: string }
  /** The same bytes have been uploaded before, under this title. */
  | { readonly kind: 'duplicate'; readonly title: string }
  /** It is queued. */
  | { readonly kind: 'waiting' }
  /** It is being hashed or sent. Without a connection, it waits for one. */
  | { readonly kind: 'sending'; readonly connected: boolean }
  | { readonly kind: 'stored'; readonly pictureId: string }
  | { readonly kind: 'failed'; readonly reason: string }
  /** `storing`: it had already been sent completely, so the service may still store it. */
  | { readonly kind: 'cancelled'; readonly storing: boolean };

export interface Upload {
  readonly id: number;
  readonly file: Blob;
  /** The file's name. */
  readonly name: string;
  readonly title: string;
  /** The type detected from the bytes, once they have been checked. */
  readonly type?: ImageType;
  /** Something that the user should know, such as a conversion. */
  readonly note?: string;
  readonly state: UploadState;
}

/** An upload in the list. Its row reads its own stores, so that progress rerenders little. */
export interface UploadItem {
  readonly id: number;
  readonly store: Store<Upload>;
  /** The bytes sent so far. */
  readonly sent: Store<number>;
}

/** Whether an upload is queued or running. */
export function isActive({ state }: Upload): boolean {
  return state.kind === 'waiting' || state.kind === 'sending';
}

/** A request to S3 that was signed in advance. */
export interface PresignedRequest {
  readonly method: string;
  readonly url: string;
  readonly headers: readonly { readonly name: string; readonly value: string }[];
}

/** Without progress for this long, a request is given up. The connection may be dead. */
export const STALLED_MS = 20_000;

const CHECK_MS = 1_000;

/** Signed headers that scripts can't set (Fetch, section 2.2.2). */
const SET_BY_BROWSERS = ['content-length', 'host'];

/** Why the storage didn't accept a part. */
export class PartError extends Error {
  /** The HTTP status, or 0 if there was no response. */
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

/**
 * Sends a part. Rejects with a `PartError`, or with an `AbortError` if the signal aborts it.
 *
 * `onProgress` gets the number of bytes sent so far. It uses XMLHttpRequest, because fetch doesn't
 * report the progress of an upload.
 */
export function putPart(
  request: PresignedRequest,
  bytes: Blob,
  onProgress: (sent: number) => void,
  signal: AbortSignal,
): Promise<void> {
  return new Promise((resolve, reject) => {
    signal.throwIfAborted();
    const xhr = new XMLHttpRequest();
    let failure: Error = new PartError(0, 'no response');
    const stop = (reason: Error) => {
      failure = reason;
      xhr.abort();
    };
    const cancel = () => stop(new DOMException('the upload was cancelled', 'AbortError'));

    // The wall clock: timers stop while a computer sleeps, and after that the connection is dead.
    let lastProgress = Date.now();
    let sent = 0;
    const watch = setInterval(() => {
      if (Date.now() - lastProgress > STALLED_MS) stop(new PartError(0, 'no progress'));
    }, CHECK_MS);
    const advance = (loaded: number) => {
      if (loaded > sent) {
        sent = loaded;
        lastProgress = Date.now();
      }
      onProgress(Math.min(sent, bytes.size));
    };

    xhr.open(request.method, request.url);
    // Otherwise Firefox takes the empty response for XML and reports an error.
    xhr.responseType = 'text';
    for (const { name, value } of request.headers) {
      if (!SET_BY_BROWSERS.includes(name.toLowerCase())) xhr.setRequestHeader(name, value);
    }
    xhr.upload.addEventListener('progress', ({ loaded }) => advance(loaded));
    xhr.addEventListener('load', () => {
      if (xhr.status >= 200 && xhr.status < 300) resolve();
      else reject(new PartError(xhr.status, `the storage answered ${xhr.status}`));
    });
    xhr.addEventListener('error', () => reject(failure));
    xhr.addEventListener('abort', () => reject(failure));
    xhr.addEventListener('loadend', () => {
      clearInterval(watch);
      signal.removeEventListener('abort', cancel);
    });
    signal.addEventListener('abort', cancel);
    // The part's type is signed. Without it, a browser would send the blob's own.
    xhr.send(bytes.slice(0, bytes.size, contentTypeOf(request)));
  });
}

function contentTypeOf({ headers }: PresignedRequest): string {
  return headers.find(({ name }) => name.toLowerCase() === 'content-type')?.value ?? '';
}

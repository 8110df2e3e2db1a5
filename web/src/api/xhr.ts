/** Receives the share of the request body that has been sent, 0 to 1. */
export type OnProgress = (fraction: number) => void;

/**
 * Sends a request with XMLHttpRequest, because fetch doesn't report upload progress. Like fetch, it
 * rejects with an `AbortError` if the request is aborted and with a `TypeError` if no response comes.
 */
export async function sendWithProgress(
  request: Request,
  onProgress: OnProgress,
): Promise<Response> {
  const body = await request.text();
  return new Promise((resolve, reject) => {
    const xhr = new XMLHttpRequest();
    const { signal } = request;
    const abort = () => xhr.abort();
    const aborted = () => reject(new DOMException('the upload was cancelled', 'AbortError'));
    if (signal.aborted) {
      aborted();
      return;
    }
    xhr.open(request.method, request.url);
    xhr.responseType = 'text';
    request.headers.forEach((value, name) => xhr.setRequestHeader(name, value));
    xhr.upload.addEventListener('progress', (event) => {
      if (event.lengthComputable && event.total > 0) onProgress(event.loaded / event.total);
    });
    xhr.upload.addEventListener('load', () => onProgress(1));
    xhr.addEventListener('load', () => {
      const bodyless = xhr.status === 204 || xhr.status === 304;
      resolve(
        new Response(bodyless ? null : xhr.responseText, {
          status: xhr.status,
          statusText: xhr.statusText,
          headers: parseHeaders(xhr.getAllResponseHeaders()),
        }),
      );
    });
    xhr.addEventListener('error', () => reject(new TypeError('the upload got no response')));
    xhr.addEventListener('timeout', () => reject(new TypeError('the upload timed out')));
    xhr.addEventListener('abort', aborted);
    xhr.addEventListener('loadend', () => signal.removeEventListener('abort', abort));
    signal.addEventListener('abort', abort);
    xhr.send(body);
  });
}

function parseHeaders(raw: string): Headers {
  const headers = new Headers();
  for (const line of raw.trim().split(/[\r\n]+/)) {
    const colon = line.indexOf(':');
    if (colon > 0) headers.append(line.slice(0, colon).trim(), line.slice(colon + 1).trim());
  }
  return headers;
}

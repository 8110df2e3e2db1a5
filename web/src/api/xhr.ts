/** How much of a request's body has left the browser, 0 to 1. */
export type OnProgress = (fraction: number) => void;

/**
 * Sends a request with XMLHttpRequest, because fetch tells nothing of an upload's progress.
 * Otherwise as fetch: rejects with an AbortError when the request's signal aborts, and with a
 * TypeError when no answer comes.
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
    xhr.addEventListener('error', () => reject(new TypeError('the upload got no answer')));
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

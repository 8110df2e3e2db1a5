import { ApiError, isTransportDown } from '../api/errors';

const ATTEMPTS = 4;
const FIRST_MS = 500;

/** Repeats a read that fails for a reason that may pass, with growing waits. */
export async function withRetries<T>(read: () => Promise<T>, signal: AbortSignal): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    signal.throwIfAborted();
    try {
      return await read();
    } catch (error) {
      if (attempt === ATTEMPTS || !mayPass(error)) throw error;
      await new Promise((resolve) => setTimeout(resolve, FIRST_MS * 2 ** (attempt - 1)));
    }
  }
}

/** The storage didn't send a picture's bytes. */
export class ContentError extends Error {
  /** The HTTP status, or 0 if there was no response. */
  readonly status: number;

  constructor(status: number) {
    super(`the storage answered ${status}`);
    this.status = status;
  }
}

function mayPass(error: unknown): boolean {
  // 403: the link has expired. The next attempt asks for a new one.
  if (error instanceof ContentError) return [0, 403].includes(error.status) || error.status >= 500;
  return error instanceof ApiError && (isTransportDown(error) || error.status === 429);
}

import { traceIdOf } from './calls';
import { TRANSPORT_LABELS, type Transport } from '../lib/transports';

/** A failed call: an error response of the contract, or no response. */
export class ApiError extends Error {
  override readonly name = 'ApiError';

  /** The contract's error code, for example `NOT_FOUND`; `UNREACHABLE` without a response. */
  readonly code: string;
  /** The HTTP status, or 0 without a response. */
  readonly status: number;
  readonly transport: Transport;
  /** The request id to report to support, or empty. */
  readonly requestId: string;
  /** The trace id to look the call up by, or empty. */
  readonly traceId: string;

  constructor(
    message: string,
    code: string,
    status: number,
    transport: Transport,
    requestId: string,
    traceId = '',
  ) {
    super(message);
    this.code = code;
    this.status = status;
    this.transport = transport;
    this.requestId = requestId;
    this.traceId = traceId;
  }
}

/** Whether the transport failed rather than the request. Another transport may work. */
export function isTransportDown(error: ApiError): boolean {
  return [0, 502, 503, 504].includes(error.status);
}

export function isAbort(error: unknown): boolean {
  return error instanceof DOMException && error.name === 'AbortError';
}

/** Builds an error from a response. Without the contract's error body, it uses the headers. */
export function toApiError(body: unknown, response: Response, transport: Transport): ApiError {
  const requestId = response.headers.get('x-request-id') ?? '';
  const traceId = traceIdOf(response.headers.get('traceparent'));
  if (typeof body === 'object' && body !== null && 'error' in body) {
    const detail = body.error;
    if (typeof detail === 'object' && detail !== null) {
      const { code, message, request_id } = detail as Record<string, unknown>;
      if (typeof code === 'string' && typeof message === 'string') {
        const named = typeof request_id === 'string' && request_id !== '' ? request_id : requestId;
        return new ApiError(message, code, response.status, transport, named, traceId);
      }
    }
  }
  const message = `the server returned status ${response.status}`;
  return new ApiError(message, 'UNKNOWN', response.status, transport, requestId, traceId);
}

export function unreachable(transport: Transport): ApiError {
  return new ApiError('no response', 'UNREACHABLE', 0, transport, '');
}

/** Turns an error message into a sentence: "file is too large" -> "File is too large." */
function sentence(text: string): string {
  const trimmed = text.trim();
  if (trimmed === '') return 'Something went wrong.';
  const capital = trimmed.charAt(0).toUpperCase() + trimmed.slice(1);
  return /[.!?…]$/.test(capital) ? capital : `${capital}.`;
}

/** Whether a chosen file has since been changed, moved or deleted. */
function isChangedFile(error: unknown): boolean {
  return (
    error instanceof DOMException && ['NotReadableError', 'NotFoundError'].includes(error.name)
  );
}

/** The message shown to the user for an error. */
export function describeError(error: unknown): string {
  if (isChangedFile(error)) return 'The file has changed since it was chosen. Choose it again.';
  if (!(error instanceof ApiError)) return 'Something went wrong in the app. Reload the page.';
  const label = TRANSPORT_LABELS[error.transport];
  if (error.status === 0) return 'Trichrome can’t be reached. Check your connection and try again.';
  if (isTransportDown(error)) return `${label} isn’t responding right now.`;
  if (error.status === 429) return 'Too many requests at once. Wait a moment and try again.';
  if (error.status >= 500) return 'Something went wrong on the server. Try again.';
  return sentence(error.message);
}

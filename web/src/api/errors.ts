import { traceIdOf } from './calls';
import { TRANSPORT_LABELS, type Transport } from '../transports';

/** A call that did not succeed: the contract's error, or no answer at all. */
export class ApiError extends Error {
  override readonly name = 'ApiError';

  /** The contract's error code, for example `NOT_FOUND`; `UNREACHABLE` where no answer came. */
  readonly code: string;
  /** The HTTP status; 0 where no answer came. */
  readonly status: number;
  readonly transport: Transport;
  /** To name to an operator; empty where there is none. */
  readonly requestId: string;
  /** Where the operator finds what happened; empty where there is none. */
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

/** Whether the transport, rather than the request, is at fault: another one may well work. */
export function isTransportDown(error: ApiError): boolean {
  return [0, 502, 503, 504].includes(error.status);
}

export function isAbort(error: unknown): boolean {
  return error instanceof DOMException && error.name === 'AbortError';
}

/** Reads the contract's error body, or makes the best of what came instead. */
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
  const message = `the server answered with status ${response.status}`;
  return new ApiError(message, 'UNKNOWN', response.status, transport, requestId, traceId);
}

export function unreachable(transport: Transport): ApiError {
  return new ApiError('no answer came', 'UNREACHABLE', 0, transport, '');
}

/** "file is too large" -> "File is too large." */
function sentence(text: string): string {
  const trimmed = text.trim();
  if (trimmed === '') return 'Something went wrong.';
  const capital = trimmed.charAt(0).toUpperCase() + trimmed.slice(1);
  return /[.!?…]$/.test(capital) ? capital : `${capital}.`;
}

/** What browsers call a file that is no longer as it was when it was chosen, or no longer there. */
function isGoneFile(error: unknown): boolean {
  return (
    error instanceof DOMException && ['NotReadableError', 'NotFoundError'].includes(error.name)
  );
}

/** What to tell a person about a failure. */
export function describeError(error: unknown): string {
  if (isGoneFile(error)) return 'The file has changed since it was chosen. Choose it again.';
  if (!(error instanceof ApiError)) return 'Something went wrong in the app. Reload the page.';
  const label = TRANSPORT_LABELS[error.transport];
  if (error.status === 0) return 'Trichrome can’t be reached. Check the connection and try again.';
  if (isTransportDown(error)) return `${label} isn’t answering at the moment.`;
  if (error.status === 429) return 'Too many requests at once. Wait a moment and try again.';
  if (error.status >= 500) return 'The service failed on this one. Try again.';
  return sentence(error.message);
}

import { createStore } from '../lib/store';
import type { Transport } from '../lib/transports';

/** A call made by the app, as shown to the user. */
export interface CallRecord {
  readonly id: number;
  readonly transport: Transport;
  /** Method and path without the transport, for example `GET /pictures`. */
  readonly operation: string;
  /** The HTTP status, or 0 without a response. */
  readonly status: number;
  /** From sending the request to receiving the headers, which the gateway sends with the body. */
  readonly durationMs: number;
  /** The response's W3C trace id, or empty. */
  readonly traceId: string;
  /** The response's request id, or empty. */
  readonly requestId: string;
  readonly at: Date;
}

const MAX_CALLS = 50;

let nextId = 1;

/** The latest calls, newest first. */
export const callsStore = createStore<readonly CallRecord[]>([]);

export function recordCall(call: Omit<CallRecord, 'id'>): void {
  callsStore.set([{ ...call, id: nextId++ }, ...callsStore.get()].slice(0, MAX_CALLS));
}

export function forgetCalls(): void {
  callsStore.set([]);
}

/** Reads the trace id from a W3C `traceparent` header (`version-trace-parent-flags`). */
export function traceIdOf(traceparent: string | null): string {
  const match = /^[0-9a-f]{2}-([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}/.exec(traceparent ?? '');
  return match?.[1] ?? '';
}

/** The median duration, or undefined without calls. */
export function medianMs(calls: readonly CallRecord[]): number | undefined {
  const sorted = calls.map((call) => call.durationMs).sort((a, b) => a - b);
  const upper = sorted[Math.floor(sorted.length / 2)];
  const lower = sorted[Math.floor((sorted.length - 1) / 2)];
  return upper === undefined || lower === undefined ? undefined : (lower + upper) / 2;
}

import { createStore } from '../store';
import type { Transport } from '../transports';

/** One call that the app made, as the person sees it. */
export interface CallRecord {
  readonly id: number;
  readonly transport: Transport;
  /** Method and path without the transport, for example `GET /pictures`. */
  readonly operation: string;
  /** The HTTP status; 0 where no answer came. */
  readonly status: number;
  /** From sending to the answer's headers; the gateway sends them when it has the answer whole. */
  readonly durationMs: number;
  /** The W3C trace id of the answer; empty where it has none. */
  readonly traceId: string;
  /** The request id of the answer; empty where it has none. */
  readonly requestId: string;
  readonly at: Date;
}

/** How many calls are kept to look back at. */
const KEPT = 50;

let nextId = 1;

/** The latest calls, newest first. */
export const callsStore = createStore<readonly CallRecord[]>([]);

export function recordCall(call: Omit<CallRecord, 'id'>): void {
  callsStore.set([{ ...call, id: nextId++ }, ...callsStore.get()].slice(0, KEPT));
}

export function forgetCalls(): void {
  callsStore.set([]);
}

/** The trace id within a `traceparent` header (W3C Trace Context: version-trace-parent-flags). */
export function traceIdOf(traceparent: string | null): string {
  const match = /^[0-9a-f]{2}-([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}/.exec(traceparent ?? '');
  return match?.[1] ?? '';
}

/** The median of the durations, or undefined for none. */
export function medianMs(calls: readonly CallRecord[]): number | undefined {
  const sorted = calls.map((call) => call.durationMs).sort((a, b) => a - b);
  const upper = sorted[Math.floor(sorted.length / 2)];
  const lower = sorted[Math.floor((sorted.length - 1) / 2)];
  return upper === undefined || lower === undefined ? undefined : (lower + upper) / 2;
}

import type { CallRecord } from '../api/calls';

export function isFailure(call: CallRecord): boolean {
  return call.status === 0 || call.status >= 400;
}

export function statusOf(call: CallRecord): string {
  return call.status === 0 ? 'no response' : String(call.status);
}

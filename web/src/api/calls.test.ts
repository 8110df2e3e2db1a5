import { expect, it } from 'vitest';
import { type CallRecord, callsStore, medianMs, recordCall, traceIdOf } from './calls';

const call = (durationMs: number): CallRecord => ({
  id: 0,
  transport: 'rest',
  operation: 'GET /pictures',
  status: 200,
  durationMs,
  traceId: '',
  requestId: '',
  at: new Date(0),
});

it('reads the trace id of a traceparent and ignores malformed ones', () => {
  const id = '4bf92f3577b34da6a3ce929d0e0e4736';
  expect(traceIdOf(`00-${id}-00f067aa0ba902b7-01`)).toBe(id);
  expect(traceIdOf('nonsense')).toBe('');
  expect(traceIdOf(null)).toBe('');
});

it('computes the median', () => {
  expect(medianMs([])).toBeUndefined();
  expect(medianMs([call(9), call(1), call(5)])).toBe(5);
  expect(medianMs([call(1), call(2), call(4), call(90)])).toBe(3);
});

it('keeps only the latest calls', () => {
  for (let i = 1; i <= 60; i++) recordCall(call(i));
  expect(callsStore.get()).toHaveLength(50);
  expect(callsStore.get()[0]?.durationMs).toBe(60);
});

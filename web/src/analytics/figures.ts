import type { Totals } from '../api/types';
import { formatCount, formatMs } from '../lib/format';
import { isTransport, TRANSPORT_LABELS, TRANSPORTS } from '../lib/transports';
import type { Drawing } from './charts/options';

/** A figure's content, as a chart and as a table. */
export interface FigureData {
  readonly title: string;
  readonly note?: string;
  readonly columns: readonly string[];
  readonly rows: readonly (readonly string[])[];
  readonly drawing: Drawing;
}

/** The most operations per chart. The filter lists all of them. */
const OPERATIONS_SHOWN = 8;

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;

const time = new Intl.DateTimeFormat('en', {
  hour: '2-digit',
  minute: '2-digit',
  hourCycle: 'h23',
});
const precise = new Intl.DateTimeFormat('en', {
  hour: '2-digit',
  minute: '2-digit',
  second: '2-digit',
  hourCycle: 'h23',
});
const day = new Intl.DateTimeFormat('en', { month: 'short', day: 'numeric' });

const count = (value: number | null) => formatCount(value ?? 0);
const ms = (value: number | null) => (value === null ? 'no calls' : formatMs(value));

function rank(transport: string): number {
  return isTransport(transport) ? TRANSPORTS.indexOf(transport) : TRANSPORTS.length;
}

type Groups = Totals['by_operation'];

/** Calls by outcome. */
const outcomes = (groups: readonly { readonly calls: number; readonly errors: number }[]) => ({
  stacked: true,
  whole: true,
  format: count,
  series: [
    {
      label: 'Succeeded',
      color: 'primary',
      values: groups.map(({ calls, errors }) => calls - errors),
    },
    { label: 'Errors', color: 'error', values: groups.map(({ errors }) => errors) },
  ],
});

const latency = (groups: Groups) => ({
  format: ms,
  series: [
    { label: 'Median', color: 'primary', faint: true, values: groups.map(({ p50_ms }) => p50_ms) },
    { label: '95th percentile', color: 'primary', values: groups.map(({ p95_ms }) => p95_ms) },
  ],
});

/** Builds the figures from the totals. */
export function figuresOf(totals: Totals): readonly FigureData[] {
  const { by_operation } = totals;
  // Same order and colours as in the transport switch.
  const by_transport = [...totals.by_transport].sort((a, b) => rank(a.name) - rank(b.name));

  const buckets = totals.over_time.map((bucket) => ({ ...bucket, start: new Date(bucket.start) }));
  // The tables leave out intervals without calls.
  const busy = buckets.filter(({ calls }) => calls > 0);
  const starts = buckets.map(({ start }) => start);
  const at = (index: number) => starts.at(index)?.getTime() ?? 0;
  const [span, length] = [at(-1) - at(0), at(1) - at(0)];
  const clock = length > 0 && length < MINUTE_MS ? precise : time;
  const exact = (start: Date) => `${day.format(start)}, ${clock.format(start)}`;
  // The shortest label that distinguishes the intervals.
  const label = (start: Date) => {
    if (span < 24 * HOUR_MS) return clock.format(start);
    return span < 96 * HOUR_MS ? exact(start) : day.format(start);
  };

  const operations = by_operation.slice(0, OPERATIONS_SHOWN);
  const method = (name: string) => name.slice(name.indexOf('/') + 1);

  const transportLabel = (name: string) => (isTransport(name) ? TRANSPORT_LABELS[name] : name);
  const transportNames = by_transport.map(({ name }) => transportLabel(name));

  const overTime = { labels: starts.map(label), names: starts.map(exact) };
  const operationLabels = operations.map(({ name }) => method(name));
  const oneTransport = (name: string) => (isTransport(name) ? name : 'text-quiet');

  return [
    {
      title: 'Calls over time',
      columns: ['From', 'Calls', 'Errors'],
      rows: busy.map(({ start, calls, errors }) => [exact(start), count(calls), count(errors)]),
      drawing: { kind: 'bars', ...overTime, ...outcomes(buckets) },
    },
    {
      title: 'Latency over time',
      note: '95th percentile, ms',
      columns: ['From', '95th percentile'],
      rows: busy.map(({ start, p95_ms }) => [exact(start), ms(p95_ms)]),
      drawing: {
        kind: 'line',
        ...overTime,
        format: ms,
        series: [
          {
            label: '95th percentile',
            color: 'primary',
            // An interval without calls has no latency.
            values: buckets.map(({ calls, p95_ms }) => (calls === 0 ? null : p95_ms)),
          },
        ],
      },
    },
    {
      title: 'By operation',
      ...(by_operation.length > OPERATIONS_SHOWN && {
        note: `top ${OPERATIONS_SHOWN} by calls`,
      }),
      columns: ['Operation', 'Calls', 'Errors'],
      rows: operations.map(({ name, calls, errors }) => [name, count(calls), count(errors)]),
      drawing: {
        kind: 'horizontal bars',
        fill: 0.6,
        labels: operationLabels,
        ...outcomes(operations),
      },
    },
    {
      title: 'Latency by operation',
      note: 'ms',
      columns: ['Operation', 'Median', '95th percentile'],
      rows: operations.map(({ name, p50_ms, p95_ms }) => [name, ms(p50_ms), ms(p95_ms)]),
      drawing: {
        kind: 'horizontal bars',
        fill: 0.6,
        labels: operationLabels,
        ...latency(operations),
      },
    },
    {
      title: 'By transport',
      columns: ['Transport', 'Calls', 'Errors'],
      rows: by_transport.map(({ name, calls, errors }) => [
        transportLabel(name),
        count(calls),
        count(errors),
      ]),
      drawing: {
        kind: 'bars',
        fill: 0.4,
        labels: transportNames,
        whole: true,
        format: count,
        series: [
          {
            label: 'Calls',
            color: by_transport.map(({ name }) => oneTransport(name)),
            values: by_transport.map(({ calls }) => calls),
          },
        ],
      },
    },
    {
      title: 'Latency by transport',
      note: 'ms',
      columns: ['Transport', 'Median', '95th percentile'],
      rows: by_transport.map(({ name, p50_ms, p95_ms }) => [
        transportLabel(name),
        ms(p50_ms),
        ms(p95_ms),
      ]),
      drawing: { kind: 'bars', fill: 0.5, labels: transportNames, ...latency(by_transport) },
    },
  ];
}

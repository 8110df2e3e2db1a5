import Box from '@mui/material/Box';
import { useTheme } from '@mui/material/styles';
import Typography from '@mui/material/Typography';
import { BarChart } from '@mui/x-charts/BarChart';
import { LineChart } from '@mui/x-charts/LineChart';
import { type ReactNode, startTransition, useEffect, useState } from 'react';
import { isTransport, TRANSPORT_LABELS, TRANSPORTS } from '../transports';
import type { Totals } from '../api/types';
import { formatCount, formatMs } from '../format';
import { TRANSPORT_COLORS, RADIUS } from '../theme';
import { useInView } from '../ui/useInView';
import { visuallyHidden } from '../ui/visuallyHidden';

const HEIGHT = 260;

/** How many operations fit a chart that is still readable; the filter has them all. */
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

/** The totals, drawn; every chart also says its figures in a table for screen readers. */
export function Charts({ totals }: { readonly totals: Totals }) {
  const { palette } = useTheme().vars;
  const colors = { ok: palette.primary.main, error: palette.error.main };
  const { by_operation } = totals;
  // In the order and the colours of the switch, whichever is called most.
  const by_transport = [...totals.by_transport].sort((a, b) => rank(a.name) - rank(b.name));

  const buckets = totals.over_time.map((bucket) => ({ ...bucket, start: new Date(bucket.start) }));
  // What there is to say in words; an hour of zeros is none of it.
  const busy = buckets.filter(({ calls }) => calls > 0);
  const starts = buckets.map(({ start }) => start);
  const at = (index: number) => starts.at(index)?.getTime() ?? 0;
  const [span, length] = [at(-1) - at(0), at(1) - at(0)];
  const clock = length > 0 && length < MINUTE_MS ? precise : time;
  const exact = (start: Date) => `${day.format(start)}, ${clock.format(start)}`;
  // As little as tells the buckets apart.
  const label = (start: Date) => {
    if (span < 24 * HOUR_MS) return clock.format(start);
    return span < 96 * HOUR_MS ? exact(start) : day.format(start);
  };

  const operations = by_operation.slice(0, OPERATIONS_SHOWN);
  const method = (name: string) => name.slice(name.indexOf('/') + 1);

  const transportLabel = (name: string) => (isTransport(name) ? TRANSPORT_LABELS[name] : name);
  const transportNames = by_transport.map(({ name }) => transportLabel(name));
  const transportColors = by_transport.map(({ name }) =>
    isTransport(name) ? TRANSPORT_COLORS[name] : palette.text.secondary,
  );

  const axisTime = {
    data: starts,
    valueFormatter: (start: Date, context: { location: string }) =>
      context.location === 'tick' ? label(start) : exact(start),
    tickLabelMinGap: 16,
    // Of the buckets of one day, only the first is named after it.
    tickInterval: (start: Date, index: number) => {
      const before = starts[index - 1];
      return before === undefined || label(before) !== label(start);
    },
  };
  const operationAxis = {
    data: operations.map(({ name }) => method(name)),
    scaleType: 'band' as const,
    width: 148,
    categoryGapRatio: 0.4,
    disableLine: true,
    disableTicks: true,
  };
  const latency = (groups: Totals['by_operation']) => [
    {
      data: groups.map(({ p50_ms }) => p50_ms),
      label: 'Median',
      color: `color-mix(in srgb, ${palette.primary.main} 45%, ${palette.background.paper})`,
      valueFormatter: ms,
    },
    {
      data: groups.map(({ p95_ms }) => p95_ms),
      label: '95th percentile',
      color: colors.ok,
      valueFormatter: ms,
    },
  ];
  const plain = {
    height: HEIGHT,
    margin: { left: 0, right: 12, top: 12, bottom: 0 },
    skipAnimation: true,
    // What the keys would walk through is in the figure's table.
    disableKeyboardNavigation: true,
  };

  return (
    <Box
      sx={{
        display: 'grid',
        gridTemplateColumns: { xs: 'minmax(0, 1fr)', md: 'repeat(2, minmax(0, 1fr))' },
        gap: 2,
        mb: 2,
      }}
    >
      <Figure
        title="Calls over time"
        columns={['From', 'Calls', 'Errors']}
        rows={busy.map(({ start, calls, errors }) => [exact(start), count(calls), count(errors)])}
      >
        <BarChart
          {...plain}
          // Up to a hundred buckets: one element a series, not two hundred.
          renderer="svg-batch"
          xAxis={[{ ...axisTime, scaleType: 'band', categoryGapRatio: 0.25 }]}
          yAxis={[{ width: 44, tickMinStep: 1, disableLine: true, disableTicks: true }]}
          series={[
            {
              data: buckets.map(({ calls, errors }) => calls - errors),
              label: 'Succeeded',
              stack: 'calls',
              color: colors.ok,
              valueFormatter: count,
            },
            {
              data: buckets.map(({ errors }) => errors),
              label: 'Errors',
              stack: 'calls',
              color: colors.error,
              valueFormatter: count,
            },
          ]}
          grid={{ horizontal: true }}
        />
      </Figure>
      <Figure
        title="Latency over time"
        note="95th percentile, ms"
        columns={['From', '95th percentile']}
        rows={busy.map(({ start, p95_ms }) => [exact(start), ms(p95_ms)])}
      >
        <LineChart
          {...plain}
          hideLegend
          xAxis={[{ ...axisTime, scaleType: 'point' }]}
          yAxis={[{ width: 44, min: 0, disableLine: true, disableTicks: true }]}
          series={[
            {
              // A stretch without calls has no latency: the line passes over it, not through zero.
              data: buckets.map(({ calls, p95_ms }) => (calls === 0 ? null : p95_ms)),
              label: '95th percentile',
              color: colors.ok,
              curve: 'monotoneX',
              showMark: false,
              connectNulls: true,
              valueFormatter: ms,
            },
          ]}
          grid={{ horizontal: true }}
        />
      </Figure>
      <Figure
        title="By operation"
        {...(by_operation.length > OPERATIONS_SHOWN && {
          note: `the ${OPERATIONS_SHOWN} most called`,
        })}
        columns={['Operation', 'Calls', 'Errors']}
        rows={operations.map(({ name, calls, errors }) => [name, count(calls), count(errors)])}
      >
        <BarChart
          {...plain}
          layout="horizontal"
          yAxis={[operationAxis]}
          xAxis={[{ tickMinStep: 1, disableLine: true, disableTicks: true }]}
          series={[
            {
              data: operations.map(({ calls, errors }) => calls - errors),
              label: 'Succeeded',
              stack: 'calls',
              color: colors.ok,
              valueFormatter: count,
            },
            {
              data: operations.map(({ errors }) => errors),
              label: 'Errors',
              stack: 'calls',
              color: colors.error,
              valueFormatter: count,
            },
          ]}
          grid={{ vertical: true }}
        />
      </Figure>
      <Figure
        title="Latency by operation"
        note="ms"
        columns={['Operation', 'Median', '95th percentile']}
        rows={operations.map(({ name, p50_ms, p95_ms }) => [name, ms(p50_ms), ms(p95_ms)])}
      >
        <BarChart
          {...plain}
          layout="horizontal"
          yAxis={[operationAxis]}
          xAxis={[{ disableLine: true, disableTicks: true }]}
          series={latency(operations)}
          grid={{ vertical: true }}
        />
      </Figure>
      <Figure
        title="By transport"
        columns={['Transport', 'Calls', 'Errors']}
        rows={by_transport.map(({ name, calls, errors }) => [
          transportLabel(name),
          count(calls),
          count(errors),
        ])}
      >
        <BarChart
          {...plain}
          hideLegend
          xAxis={[
            {
              data: transportNames,
              scaleType: 'band',
              categoryGapRatio: 0.6,
              colorMap: { type: 'ordinal', values: transportNames, colors: transportColors },
            },
          ]}
          yAxis={[{ width: 44, tickMinStep: 1, disableLine: true, disableTicks: true }]}
          series={[
            { data: by_transport.map(({ calls }) => calls), label: 'Calls', valueFormatter: count },
          ]}
          grid={{ horizontal: true }}
        />
      </Figure>
      <Figure
        title="Latency by transport"
        note="ms"
        columns={['Transport', 'Median', '95th percentile']}
        rows={by_transport.map(({ name, p50_ms, p95_ms }) => [
          transportLabel(name),
          ms(p50_ms),
          ms(p95_ms),
        ])}
      >
        <BarChart
          {...plain}
          xAxis={[{ data: transportNames, scaleType: 'band', categoryGapRatio: 0.5 }]}
          yAxis={[{ width: 44, disableLine: true, disableTicks: true }]}
          series={latency(by_transport)}
          grid={{ horizontal: true }}
        />
      </Figure>
    </Box>
  );
}

/** Ends when the figure whose turn it was is on the screen. */
let turns: Promise<void> = Promise.resolve();

/** Draws when those before have been drawn; answers what ends the turn, drawn or given up. */
function takeTurn(draw: () => void): () => void {
  let end: () => void = () => undefined;
  const ended = new Promise<void>((resolve) => (end = resolve));
  let givenUp = false;
  turns = turns.then(() => {
    // A task of its own, so that a click comes between.
    if (!givenUp) setTimeout(draw);
    return ended;
  });
  return () => {
    givenUp = true;
    end();
  };
}

interface FigureProps {
  readonly title: string;
  readonly note?: string;
  readonly columns: readonly string[];
  readonly rows: readonly (readonly string[])[];
  readonly children: ReactNode;
}

function Figure({ title, note, columns, rows, children }: FigureProps) {
  // Drawing takes time that a phone feels: only what is near the view, one after the other, and
  // then for good.
  const [ref, near] = useInView('100px 0px');
  const [drawn, setDrawn] = useState(false);
  useEffect(() => {
    if (!near || drawn) return undefined;
    return takeTurn(() => startTransition(() => setDrawn(true)));
  }, [near, drawn]);
  return (
    <Box
      component="figure"
      sx={{
        position: 'relative',
        m: 0,
        p: 2.5,
        border: 1,
        borderColor: 'divider',
        borderRadius: RADIUS.card,
        bgcolor: 'background.paper',
      }}
    >
      <Box component="figcaption" sx={{ display: 'flex', alignItems: 'baseline', gap: 1, mb: 1 }}>
        <Typography variant="h2">{title}</Typography>
        {note !== undefined && (
          <Typography variant="caption" color="textSecondary">
            {note}
          </Typography>
        )}
      </Box>
      <Box ref={ref} aria-hidden="true" sx={{ minHeight: HEIGHT }}>
        {drawn && children}
      </Box>
      <Box sx={visuallyHidden}>
        <table>
          <caption>{title}</caption>
          <thead>
            <tr>
              {columns.map((column) => (
                <th key={column} scope="col">
                  {column}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {rows.map((row, line) => (
              <tr key={line}>
                {row.map((cell, index) => (
                  <td key={columns[index]}>{cell}</td>
                ))}
              </tr>
            ))}
          </tbody>
        </table>
      </Box>
    </Box>
  );
}

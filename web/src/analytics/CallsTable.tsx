import { useDeferredValue, useState } from 'react';
import type { LogEntry, LogFilters } from '../api/types';
import { formatMs, formatPreciseTime } from '../lib/format';
import { isTransport, TRANSPORT_LABELS } from '../lib/transports';
import { Button } from '../ui/Button';
import { NextIcon, PreviousIcon } from '../ui/icons';
import { ProgressBar } from '../ui/ProgressBar';
import { Failure } from '../transports/Failure';
import { Loading } from '../ui/states';
import { TransportDot } from '../transports/TransportDot';
import { useLogs } from './queries';
import { LOG_PAGE_SIZE } from './requests';

interface CallsTableProps {
  readonly filters: LogFilters;
  /** Hides the table when the page already shows an empty state or an error. */
  readonly hidden: boolean;
}

/** The user's own calls, newest first, one page at a time. */
export function CallsTable({ filters, hidden }: CallsTableProps) {
  // The cursors of the pages visited; the last one is the current page.
  const [cursors, setCursors] = useState<readonly string[]>(['']);
  const logs = useLogs(filters, cursors.at(-1) ?? '');
  const page = useDeferredValue(logs.data);
  if (hidden) return null;

  const turning = logs.isPlaceholderData || page !== logs.data;
  const next = page?.nextCursor ?? '';
  const first = (cursors.length - 1) * LOG_PAGE_SIZE + 1;
  const shown = page?.logs.length ?? 0;
  return (
    <section className="card calls">
      <h2 id="calls-title" className="h2">
        Your calls
      </h2>
      <div className="calls-progress">
        {logs.isFetching && <ProgressBar thin label="Loading calls" />}
      </div>
      {logs.isError && (
        <Failure
          title="Couldn’t load the calls"
          error={logs.error}
          onRetry={() => void logs.refetch()}
        />
      )}
      {page === undefined && !logs.isError && <Loading label="Loading calls" />}
      {shown > 0 && (
        // eslint-disable-next-line jsx-a11y/no-noninteractive-tabindex -- scrollable, so it must be focusable
        <div tabIndex={0} role="region" aria-labelledby="calls-title" className="calls-scroll">
          <table>
            <thead>
              <tr>
                <th scope="col">Time</th>
                <th scope="col">Transport</th>
                <th scope="col">Operation</th>
                <th scope="col" className="number">
                  Status
                </th>
                <th scope="col" className="number">
                  Duration
                </th>
                <th scope="col">Trace</th>
              </tr>
            </thead>
            <tbody>
              {page?.logs.map((entry) => (
                <CallRow key={entry.id} entry={entry} />
              ))}
            </tbody>
          </table>
        </div>
      )}
      <div className="calls-pages">
        <span role="status" className="small quiet">
          {shown > 0 && `${first}–${first + shown - 1}`}
        </span>
        <Button
          size="small"
          startIcon={<PreviousIcon size={18} />}
          disabled={cursors.length === 1 || turning}
          onClick={() => setCursors(cursors.slice(0, -1))}
        >
          Newer
        </Button>
        <Button
          size="small"
          disabled={next === '' || turning}
          onClick={() => setCursors([...cursors, next])}
        >
          Older
          <NextIcon size={18} />
        </Button>
      </div>
    </section>
  );
}

function CallRow({ entry }: { readonly entry: LogEntry }) {
  const { transport, service, method, status, duration_ms, trace_id, at, client } = entry;
  return (
    <tr>
      <td>
        <time dateTime={at}>{formatPreciseTime(new Date(at))}</time>
      </td>
      <td>
        <span className="transport">
          <TransportDot transport={transport} />
          {isTransport(transport) ? TRANSPORT_LABELS[transport] : transport}
        </span>
      </td>
      <td>
        <span className="service quiet">{service}/</span>
        {method}
        {client && <span className="small quiet"> logged by a client</span>}
      </td>
      <td className={status >= 400 ? 'number failed' : 'number'}>{status === 0 ? '–' : status}</td>
      <td className="number">{formatMs(duration_ms)}</td>
      <td className="trace" title={trace_id}>
        {trace_id === '' ? '–' : trace_id.slice(0, 16)}
      </td>
    </tr>
  );
}

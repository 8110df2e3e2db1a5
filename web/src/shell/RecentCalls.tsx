import { type CallRecord, medianMs } from '../api/calls';
import { formatMs } from '../format';
import { TRANSPORT_LABELS, TRANSPORTS } from '../transports';
import { Popover } from '../ui/floating/Popover';
import { IconButton } from '../ui/IconButton';
import { CopyIcon } from '../ui/icons';
import { notify } from '../ui/notices';
import { TransportDot } from '../ui/TransportDot';
import { isFailure, statusOf } from './outcome';

const MAX_SHOWN = 8;

interface RecentCallsProps {
  readonly calls: readonly CallRecord[];
  readonly anchor: HTMLElement | null;
  readonly onClose: () => void;
}

/** The latest calls and a comparison of the transports. */
export function RecentCalls({ calls, anchor, onClose }: RecentCallsProps) {
  return (
    <Popover
      label="Recent calls"
      anchor={anchor}
      width="min(420px, calc(100vw - 32px))"
      onClose={onClose}
    >
      <Comparison calls={calls} />
      <ul className="recent-calls" aria-label="Latest calls">
        {calls.slice(0, MAX_SHOWN).map((call) => (
          <CallRow key={call.id} call={call} />
        ))}
      </ul>
    </Popover>
  );
}

/** The median duration of each transport in this visit. */
function Comparison({ calls }: { readonly calls: readonly CallRecord[] }) {
  return (
    <dl className="comparison">
      {TRANSPORTS.map((transport) => {
        const own = calls.filter((call) => call.transport === transport && !isFailure(call));
        const median = medianMs(own);
        return (
          <div key={transport}>
            <dt className="caption quiet">
              <TransportDot transport={transport} />
              {TRANSPORT_LABELS[transport]}
            </dt>
            <dd className="h2">{median === undefined ? '–' : formatMs(median)}</dd>
            <dd className="caption quiet">
              {own.length === 0 ? 'no calls yet' : `median of ${own.length}`}
            </dd>
          </div>
        );
      })}
    </dl>
  );
}

function CallRow({ call }: { readonly call: CallRecord }) {
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(call.traceId);
      notify('Trace id copied.');
    } catch {
      notify(`Your browser blocked copying. Trace id: ${call.traceId}`, 'info');
    }
  };
  return (
    <li>
      <TransportDot transport={call.transport} />
      <div>
        <p className="ellipsis" title={call.operation}>
          {shorten(call.operation)}
        </p>
        {call.traceId !== '' && <p className="caption quiet mono ellipsis">{call.traceId}</p>}
      </div>
      <span className={isFailure(call) ? 'failed figures' : 'quiet figures'}>
        {isFailure(call) && `${statusOf(call)} · `}
        {formatMs(call.durationMs)}
      </span>
      {call.traceId !== '' && (
        <IconButton size="small" label="Copy trace id" onClick={() => void copy()}>
          <CopyIcon size={16} />
        </IconButton>
      )}
    </li>
  );
}

/** Shortens the ids in a path: `GET /pictures/0198c2…`. */
function shorten(operation: string): string {
  return operation.replace(/([0-9a-f]{6})[0-9a-f]{2}-[0-9a-f-]{27}/g, '$1…');
}

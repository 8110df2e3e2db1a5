import { type CallRecord, callsStore, medianMs } from '../api/calls';
import { cx } from '../lib/cx';
import { formatMs } from '../lib/format';
import { TRANSPORT_LABELS, TRANSPORTS } from '../lib/transports';
import { useStore } from '../lib/useStore';
import { Dialog } from '../ui/floating/Dialog';
import { IconButton } from '../ui/IconButton';
import { CopyIcon } from '../ui/icons';
import { notify } from '../ui/notices';
import { isFailure, statusOf } from './outcome';
import { TransportDot } from './TransportDot';
import { TransportSwitch } from './TransportSwitch';
import styles from './transports.module.css';

const MAX_SHOWN = 12;

interface ConnectionDrawerProps {
  readonly open: boolean;
  readonly onClose: () => void;
}

/** Chooses the transport, compares the three, and lists the latest calls. */
export function ConnectionDrawer({ open, onClose }: ConnectionDrawerProps) {
  const calls = useStore(callsStore);
  return (
    <Dialog look="drawer" open={open} onClose={onClose} title="Connection">
      <p className="small quiet">
        Your pictures are the same over each of the three. Choose one for the next calls.
      </p>
      <TransportSwitch />
      <Comparison calls={calls} />
      {calls.length > 0 && (
        <ul className={styles.calls} aria-label="Latest calls">
          {calls.slice(0, MAX_SHOWN).map((call) => (
            <CallRow key={call.id} call={call} />
          ))}
        </ul>
      )}
    </Dialog>
  );
}

/** The median duration of each transport in this visit. */
function Comparison({ calls }: { readonly calls: readonly CallRecord[] }) {
  return (
    <dl className={styles.comparison}>
      {TRANSPORTS.map((transport) => {
        const own = calls.filter((call) => call.transport === transport && !isFailure(call));
        const median = medianMs(own);
        return (
          <div key={transport}>
            <dt className="caption quiet">
              <TransportDot transport={transport} /> {TRANSPORT_LABELS[transport]}
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
      notify(`Your browser blocked copying. Trace id: ${call.traceId}`, { severity: 'info' });
    }
  };
  return (
    <li>
      <TransportDot transport={call.transport} />
      <div>
        <p className="ellipsis" title={call.operation}>
          {shorten(call.operation)}
        </p>
        {call.traceId !== '' && (
          <p className={cx(styles.trace, 'quiet mono ellipsis')}>{call.traceId}</p>
        )}
      </div>
      <span className={isFailure(call) ? 'failed figures' : 'quiet figures'}>
        {isFailure(call) && `${statusOf(call)} · `}
        {formatMs(call.durationMs)}
      </span>
      {call.traceId !== '' && (
        <IconButton size="small" hint="none" label="Copy trace id" onClick={() => void copy()}>
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

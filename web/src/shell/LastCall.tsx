import { useState } from 'react';
import { callsStore } from '../api/calls';
import { formatMs } from '../format';
import { TRANSPORT_LABELS } from '../transports';
import { Button } from '../ui/Button';
import { lazyWithPreload } from '../ui/lazyWithPreload';
import { TransportDot } from '../ui/TransportDot';
import { useStore } from '../useStore';
import { isFailure, statusOf } from './outcome';

const RecentCalls = lazyWithPreload(() =>
  import('./RecentCalls').then((module) => module.RecentCalls),
);

/** The last call's duration and trace id. Opens a comparison of the transports. */
export function LastCall() {
  const calls = useStore(callsStore);
  const [anchor, setAnchor] = useState<HTMLElement | null>(null);
  const [used, setUsed] = useState(false);
  const last = calls[0];
  if (last === undefined) return null;
  return (
    <>
      <Button
        tone="inherit"
        size="small"
        className="last-call figures"
        aria-haspopup="dialog"
        data-testid="last-call"
        onPointerEnter={RecentCalls.preload}
        onClick={(event) => {
          setUsed(true);
          setAnchor(event.currentTarget);
        }}
      >
        <TransportDot transport={last.transport} />
        <span>
          <span className="visually-hidden">Last call: {TRANSPORT_LABELS[last.transport]},</span>{' '}
          {isFailure(last) && `${statusOf(last)} · `}
          {formatMs(last.durationMs)}
          {last.traceId !== '' && (
            <>
              <span className="visually-hidden">, trace</span>{' '}
              {/* Hidden on narrow screens; the list has it too. */}
              <span className="mono">{last.traceId.slice(0, 8)}</span>
            </>
          )}
        </span>
      </Button>
      {used && <RecentCalls calls={calls} anchor={anchor} onClose={() => setAnchor(null)} />}
    </>
  );
}

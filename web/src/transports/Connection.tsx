import { useState } from 'react';
import { callsStore } from '../api/calls';
import { transportStore } from '../api/transport';
import { formatMs } from '../lib/format';
import { TRANSPORT_LABELS } from '../lib/transports';
import { useStore } from '../lib/useStore';
import { IconButton } from '../ui/IconButton';
import { lazyWithPreload } from '../ui/lazyWithPreload';
import { isFailure, statusOf } from './outcome';
import { TransportDot } from './TransportDot';

const ConnectionDrawer = lazyWithPreload(() =>
  import('./ConnectionDrawer').then((module) => module.ConnectionDrawer),
);

/**
 * One dot in the colour of the chosen transport. It opens a drawer with the transports, the calls
 * and their trace ids.
 */
export function Connection() {
  const [open, setOpen] = useState(false);
  const [used, setUsed] = useState(false);
  const transport = useStore(transportStore);
  const last = useStore(callsStore)[0];
  const outcome =
    last === undefined
      ? ''
      : `, last call ${isFailure(last) ? `failed: ${statusOf(last)}` : formatMs(last.durationMs)}`;
  return (
    <>
      <IconButton
        label={`Connection: ${TRANSPORT_LABELS[transport]}${outcome}`}
        aria-haspopup="dialog"
        data-testid="connection"
        onPointerEnter={ConnectionDrawer.preload}
        onClick={() => {
          setUsed(true);
          setOpen(true);
        }}
      >
        <TransportDot
          transport={transport}
          size={12}
          failed={last !== undefined && isFailure(last)}
        />
      </IconButton>
      {used && <ConnectionDrawer open={open} onClose={() => setOpen(false)} />}
    </>
  );
}

import { chooseTransport, transportStore } from '../api/transport';
import { TRANSPORT_LABELS, TRANSPORTS } from '../lib/transports';
import { ToggleGroup } from '../ui/ToggleGroup';
import { TransportDot } from './TransportDot';
import { useStore } from '../lib/useStore';

const OPTIONS = TRANSPORTS.map((value) => ({
  value,
  content: (
    <>
      <TransportDot transport={value} />
      {TRANSPORT_LABELS[value]}
    </>
  ),
}));

/** Chooses the transport for all later calls. */
export function TransportSwitch() {
  return (
    <ToggleGroup
      label="Transport"
      value={useStore(transportStore)}
      onChange={chooseTransport}
      options={OPTIONS}
    />
  );
}

import { chooseTransport, transportStore } from '../api/transport';
import { TRANSPORT_LABELS, TRANSPORTS } from '../transports';
import { ToggleGroup } from '../ui/ToggleGroup';
import { TransportDot } from '../ui/TransportDot';
import { useHydrated } from '../ui/useHydrated';
import { useStore } from '../useStore';

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
  const transport = useStore(transportStore);
  // The prerendered page doesn't know the choice, so it shows none rather than a wrong one.
  const known = useHydrated();
  return (
    <ToggleGroup
      label="Transport"
      value={known ? transport : undefined}
      onChange={chooseTransport}
      options={OPTIONS}
    />
  );
}

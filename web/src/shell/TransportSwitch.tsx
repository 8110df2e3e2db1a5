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

/** Which transport every call goes over from now on. */
export function TransportSwitch() {
  const transport = useStore(transportStore);
  // The prerendered page can't know the choice: better none than a wrong one for a moment.
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

import { styled } from '@mui/material/styles';
import { TRANSPORT_COLORS } from '../theme';
import { isTransport } from '../transports';

const Dot = styled('span')({
  display: 'inline-block',
  flexShrink: 0,
  width: 8,
  height: 8,
  borderRadius: '50%',
  backgroundColor: 'currentColor',
});

/** A transport's colour, beside its name: never the only sign of which one it is. */
export function TransportDot({ transport }: { readonly transport: string }) {
  const color = isTransport(transport) ? TRANSPORT_COLORS[transport] : undefined;
  return <Dot aria-hidden="true" style={{ backgroundColor: color }} />;
}

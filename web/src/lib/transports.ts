/**
 * The facade's transports (`/{transport}/…`), in the order of the switch. The app lists no
 * operations: they come from the contract's types.
 */
export const TRANSPORTS = ['rest', 'grpc', 'events'] as const;
export type Transport = (typeof TRANSPORTS)[number];

export const TRANSPORT_LABELS: Readonly<Record<Transport, string>> = {
  rest: 'REST',
  grpc: 'gRPC',
  events: 'Events',
};

export function isTransport(value: unknown): value is Transport {
  return TRANSPORTS.some((transport) => transport === value);
}

/**
 * The facade's transports (`/{transport}/…`), in the order that the switch shows them.
 * Operations are not listed anywhere in the app: they come from the contract's types.
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

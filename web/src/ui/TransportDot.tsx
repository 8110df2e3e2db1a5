/** A transport's colour, beside its name: never the only sign of which one it is. */
export function TransportDot({ transport }: { readonly transport: string }) {
  return <span className={`dot ${transport}`} aria-hidden="true" />;
}

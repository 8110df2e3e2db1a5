/** A dot in a transport's colour. It always accompanies the name, never replaces it. */
export function TransportDot({ transport }: { readonly transport: string }) {
  return <span className={`dot ${transport}`} aria-hidden="true" />;
}

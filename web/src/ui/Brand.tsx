/** The logo. */
export function Mark({ size = 26 }: { readonly size?: number }) {
  return (
    <svg width={size} height={size} viewBox="0 0 32 32" aria-hidden="true">
      <circle cx="16" cy="11" r="8" fill="var(--rest)" />
      <circle cx="11" cy="20" r="8" fill="var(--grpc)" fillOpacity={0.88} />
      <circle cx="21" cy="20" r="8" fill="var(--events)" fillOpacity={0.88} />
    </svg>
  );
}

export function Brand() {
  return (
    <span className="brand">
      <Mark />
      Trichrome
    </span>
  );
}

interface SpinnerProps {
  readonly size?: number;
  /** What is being waited for; without it something else says so. */
  readonly label?: string;
  /** How much is done, 0 to 1; without it, nobody knows. */
  readonly progress?: number;
}

const RADIUS = 10;
const AROUND = 2 * Math.PI * RADIUS;

export function Spinner({ size = 40, label, progress }: SpinnerProps) {
  const said =
    label === undefined ? { 'aria-hidden': true } : { role: 'progressbar', 'aria-label': label };
  return (
    <svg
      className={progress === undefined ? 'spinner' : 'spinner still'}
      width={size}
      height={size}
      viewBox="0 0 24 24"
      {...said}
    >
      <circle cx="12" cy="12" r={RADIUS} />
      <circle
        cx="12"
        cy="12"
        r={RADIUS}
        strokeDasharray={`${(progress ?? 0.3) * AROUND} ${AROUND}`}
        transform="rotate(-90 12 12)"
      />
    </svg>
  );
}

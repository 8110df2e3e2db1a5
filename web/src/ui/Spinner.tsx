interface SpinnerProps {
  readonly size?: number;
  /** The accessible name; without it, the spinner is hidden from screen readers. */
  readonly label?: string;
  /** The share that is done, 0 to 1; indeterminate if undefined. */
  readonly progress?: number;
}

const RADIUS = 10;
const CIRCUMFERENCE = 2 * Math.PI * RADIUS;

export function Spinner({ size = 40, label, progress }: SpinnerProps) {
  const aria =
    label === undefined ? { 'aria-hidden': true } : { role: 'progressbar', 'aria-label': label };
  return (
    <svg
      className={progress === undefined ? 'spinner' : 'spinner still'}
      width={size}
      height={size}
      viewBox="0 0 24 24"
      {...aria}
    >
      <circle cx="12" cy="12" r={RADIUS} />
      <circle
        cx="12"
        cy="12"
        r={RADIUS}
        strokeDasharray={`${(progress ?? 0.3) * CIRCUMFERENCE} ${CIRCUMFERENCE}`}
        transform="rotate(-90 12 12)"
      />
    </svg>
  );
}

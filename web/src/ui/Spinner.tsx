import { cx } from '../lib/cx';
import styles from './Spinner.module.css';

interface SpinnerProps {
  /** The width and height in pixels. */
  readonly size?: number;
  /** The accessible name; without it, the spinner is hidden from screen readers. */
  readonly label?: string;
  /** The share that is done, 0 to 1; indeterminate if undefined. */
  readonly progress?: number;
}

const RADIUS = 9.5;
const CIRCUMFERENCE = 2 * Math.PI * RADIUS;

/** The mark's three circles on their way around each other, or a ring that fills up. */
export function Spinner({ size = 40, label, progress }: SpinnerProps) {
  const aria =
    label === undefined ? { 'aria-hidden': true } : { role: 'progressbar', 'aria-label': label };
  return (
    <svg
      className={cx(styles.spinner, progress === undefined && styles.turning)}
      width={size}
      height={size}
      viewBox="0 0 24 24"
      {...aria}
    >
      {progress === undefined ? (
        <>
          <circle cx="12" cy="7.5" r="6" fill="var(--rest)" />
          <circle cx="8" cy="14.5" r="6" fill="var(--grpc)" />
          <circle cx="16" cy="14.5" r="6" fill="var(--events)" />
        </>
      ) : (
        <>
          <circle className={styles.track} cx="12" cy="12" r={RADIUS} />
          <circle
            className={styles.arc}
            cx="12"
            cy="12"
            r={RADIUS}
            strokeDasharray={`${progress * CIRCUMFERENCE} ${CIRCUMFERENCE}`}
            transform="rotate(-90 12 12)"
          />
        </>
      )}
    </svg>
  );
}

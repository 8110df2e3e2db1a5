import { cx } from '../lib/cx';
import styles from './ProgressBar.module.css';

interface ProgressBarProps {
  readonly label: string;
  /** The share that is done, 0 to 1; indeterminate if undefined. */
  readonly progress?: number;
  readonly thin?: boolean;
}

export function ProgressBar({ label, progress, thin = false }: ProgressBarProps) {
  const known = progress === undefined ? {} : { 'aria-valuenow': Math.floor(progress * 100) };
  return (
    <span
      role="progressbar"
      aria-label={label}
      aria-valuemin={0}
      aria-valuemax={100}
      className={cx(styles.bar, progress === undefined && styles.unknown, thin && styles.thin)}
      {...known}
    >
      <span style={progress === undefined ? undefined : { width: `${progress * 100}%` }} />
    </span>
  );
}

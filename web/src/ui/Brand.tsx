import { cx } from '../lib/cx';
import styles from './Brand.module.css';

interface MarkProps {
  /** The width and height in pixels. */
  readonly size?: number;
  /** Draws the mark in the text's colour, as a backdrop for other content. */
  readonly quiet?: boolean;
}

/** The mark: three overlapping circles, whose colours mix like light or ink. */
export function Mark({ size = 28, quiet = false }: MarkProps) {
  return (
    <svg
      className={cx(styles.mark, quiet && styles.quiet)}
      width={size}
      height={size}
      viewBox="0 0 32 32"
      aria-hidden="true"
    >
      <circle cx="16" cy="11" r="8.5" fill="var(--rest)" />
      <circle cx="11" cy="20" r="8.5" fill="var(--grpc)" />
      <circle cx="21" cy="20" r="8.5" fill="var(--events)" />
    </svg>
  );
}

export function Brand() {
  return (
    <span className={styles.brand}>
      <Mark />
      <span>Trichrome</span>
    </span>
  );
}

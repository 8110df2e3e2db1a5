import { cx } from '../lib/cx';
import styles from './transports.module.css';

interface TransportDotProps {
  readonly transport: string;
  /** The diameter in pixels. */
  readonly size?: number;
  /** Draws a ring instead: the last call failed. */
  readonly failed?: boolean;
}

/** A dot in a transport's colour. It always accompanies the name, never replaces it. */
export function TransportDot({ transport, size = 8, failed = false }: TransportDotProps) {
  return (
    <svg className={styles.dot} width={size} height={size} viewBox="0 0 12 12" aria-hidden="true">
      <circle
        className={cx(styles[transport], failed && styles.ring)}
        cx="6"
        cy="6"
        r={failed ? 4.5 : 6}
      />
    </svg>
  );
}

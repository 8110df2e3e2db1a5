import type { ReactNode } from 'react';
import { cx } from '../lib/cx';
import { Mark } from './Brand';
import { Spinner } from './Spinner';
import styles from './states.module.css';

/** A loading indicator, announced to screen readers. */
export function Loading({ label }: { readonly label: string }) {
  return (
    <div role="status" className={styles.loading}>
      <Spinner size={36} />
      <span>{label}</span>
    </div>
  );
}

interface EmptyProps {
  readonly icon: ReactNode;
  readonly title: string;
  readonly children?: ReactNode;
  readonly action?: ReactNode;
  /** The heading level: 1 if this is the whole page. */
  readonly level?: 1 | 2;
}

/** An empty state with an explanation and an optional action, on the mark's three circles. */
export function Empty({ icon, title, children, action, level = 2 }: EmptyProps) {
  const Heading = level === 1 ? 'h1' : 'h2';
  return (
    <div className={styles.empty}>
      <div className={styles.icon}>
        <Mark size={112} quiet />
        {icon}
      </div>
      <Heading className="h2">{title}</Heading>
      {children !== undefined && <p className={cx(styles.text, 'quiet')}>{children}</p>}
      {action !== undefined && <div className={styles.action}>{action}</div>}
    </div>
  );
}

import type { ReactNode } from 'react';
import { cx } from '../lib/cx';
import styles from './Alert.module.css';
import { AlertIcon, CheckIcon } from './icons';

export type Severity = 'error' | 'success' | 'info';

interface AlertProps {
  readonly severity: Severity;
  readonly title?: string;
  readonly className?: string | undefined;
  readonly children: ReactNode;
}

/** A message that screen readers announce when it appears. */
export function Alert({ severity, title, className, children }: AlertProps) {
  return (
    <div role="alert" className={cx(styles.alert, styles[severity], className)}>
      <SeverityIcon severity={severity} />
      <div>
        {title !== undefined && <p className={styles.title}>{title}</p>}
        {children}
      </div>
    </div>
  );
}

export function SeverityIcon({ severity }: { readonly severity: Severity }) {
  return severity === 'success' ? <CheckIcon /> : <AlertIcon />;
}

import type { ReactNode } from 'react';
import { AlertIcon, CheckIcon } from './icons';

export type Severity = 'error' | 'success' | 'info';

interface AlertProps {
  readonly severity: Severity;
  readonly title?: string;
  readonly className?: string;
  readonly children: ReactNode;
}

/** A message that screen readers announce when it appears. */
export function Alert({ severity, title, className = '', children }: AlertProps) {
  return (
    <div role="alert" className={`alert ${severity} ${className}`}>
      <SeverityIcon severity={severity} />
      <div>
        {title !== undefined && <p className="alert-title">{title}</p>}
        {children}
      </div>
    </div>
  );
}

export function SeverityIcon({ severity }: { readonly severity: Severity }) {
  return severity === 'success' ? <CheckIcon /> : <AlertIcon />;
}

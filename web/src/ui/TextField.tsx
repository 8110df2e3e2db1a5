import type { InputHTMLAttributes, ReactNode } from 'react';
import { cx } from '../lib/cx';
import styles from './TextField.module.css';

interface TextFieldProps extends Omit<InputHTMLAttributes<HTMLInputElement>, 'size'> {
  readonly id: string;
  readonly label: string;
  /** The validation error. */
  readonly error?: string | undefined;
  /** The help text, replaced by the error if there is one. */
  readonly help?: string | undefined;
  readonly size?: 'small' | 'medium';
  /** Content at the end of the field, for example a button. */
  readonly end?: ReactNode;
}

export function TextField({
  id,
  label,
  error,
  help,
  size = 'medium',
  end,
  ...input
}: TextFieldProps) {
  const message = error ?? help;
  return (
    <div className={cx(styles.field, size === 'small' && styles.small)}>
      <label htmlFor={id}>{label}</label>
      <div className={styles.box}>
        <input
          id={id}
          aria-invalid={error !== undefined}
          aria-describedby={message === undefined ? undefined : `${id}-help`}
          {...input}
        />
        {end}
      </div>
      {message !== undefined && (
        <p id={`${id}-help`} className={styles.helper}>
          {message}
        </p>
      )}
    </div>
  );
}

import type { InputHTMLAttributes, ReactNode } from 'react';

interface TextFieldProps extends Omit<InputHTMLAttributes<HTMLInputElement>, 'size'> {
  readonly id: string;
  readonly label: string;
  /** What is wrong with what was typed. */
  readonly error?: string | undefined;
  /** What to know before typing; gives way to the error. */
  readonly help?: string | undefined;
  readonly size?: 'small' | 'medium';
  /** Stands within the field, at its end. */
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
  const words = error ?? help;
  return (
    <div className={`field size-${size}`}>
      <label htmlFor={id}>{label}</label>
      <div className="field-box">
        <input
          id={id}
          aria-invalid={error !== undefined}
          aria-describedby={words === undefined ? undefined : `${id}-help`}
          {...input}
        />
        {end}
      </div>
      {words !== undefined && (
        <p id={`${id}-help`} className="field-helper">
          {words}
        </p>
      )}
    </div>
  );
}

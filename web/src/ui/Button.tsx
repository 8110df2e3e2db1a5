import type { ButtonHTMLAttributes, ReactNode, Ref } from 'react';
import { cx } from '../lib/cx';
import { type ButtonLook, buttonClass } from './buttonClass';
import { Spinner } from './Spinner';

interface ButtonProps extends ButtonLook, ButtonHTMLAttributes<HTMLButtonElement> {
  readonly ref?: Ref<HTMLButtonElement>;
  readonly startIcon?: ReactNode;
  /** Shows a spinner and disables the button. */
  readonly loading?: boolean;
}

export function Button({
  variant,
  tone,
  size,
  startIcon,
  loading = false,
  disabled = false,
  className,
  children,
  ...rest
}: ButtonProps) {
  const look = { ...(variant && { variant }), ...(tone && { tone }), ...(size && { size }) };
  return (
    <button
      type="button"
      className={cx(buttonClass(look), className)}
      disabled={disabled || loading}
      aria-busy={loading || undefined}
      {...rest}
    >
      {loading ? <Spinner size={18} /> : startIcon}
      {children}
    </button>
  );
}

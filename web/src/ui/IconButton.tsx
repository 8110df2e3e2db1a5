import type { ButtonHTMLAttributes, FocusEvent, KeyboardEvent, PointerEvent, Ref } from 'react';
import { cx } from '../lib/cx';
import styles from './IconButton.module.css';

interface IconButtonProps extends ButtonHTMLAttributes<HTMLButtonElement> {
  readonly ref?: Ref<HTMLButtonElement>;
  /** The accessible name, also shown as a hint below the button. */
  readonly label: string;
  readonly size?: 'small' | 'medium';
  /** The side that the hint extends to, so that it stays on screen. */
  readonly hint?: 'left' | 'right' | 'none';
}

export function IconButton({
  label,
  size = 'medium',
  hint = 'left',
  className,
  ...rest
}: IconButtonProps) {
  return (
    <button
      type="button"
      className={cx(styles.button, size === 'small' && styles.small, className)}
      aria-label={label}
      data-hint={hint}
      onKeyDown={hideHint}
      onBlur={restoreHint}
      onPointerLeave={restoreHint}
      {...rest}
    />
  );
}

/** Escape hides the hint, which may cover other content. */
function hideHint(event: KeyboardEvent<HTMLElement>): void {
  if (event.key === 'Escape') event.currentTarget.dataset.hintHidden = '';
}

function restoreHint(event: FocusEvent<HTMLElement> | PointerEvent<HTMLElement>): void {
  delete event.currentTarget.dataset.hintHidden;
}

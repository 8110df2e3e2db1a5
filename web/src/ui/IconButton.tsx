import type { ButtonHTMLAttributes, FocusEvent, KeyboardEvent, PointerEvent } from 'react';

interface IconButtonProps extends ButtonHTMLAttributes<HTMLButtonElement> {
  /** What the icon stands for: said to screen readers, and shown beneath it as a hint. */
  readonly label: string;
  readonly size?: 'small' | 'medium';
  /** Which way the hint grows, so that it stays on the screen. */
  readonly hint?: 'left' | 'right' | 'none';
}

export function IconButton({
  label,
  size = 'medium',
  hint = 'left',
  className = '',
  ...rest
}: IconButtonProps) {
  return (
    <button
      type="button"
      className={`icon-button size-${size} ${className}`}
      aria-label={label}
      data-hint={hint}
      onKeyDown={hideHint}
      onBlur={restoreHint}
      onPointerLeave={restoreHint}
      {...rest}
    />
  );
}

/** Escape takes the hint away, for whoever it hides something from. */
function hideHint(event: KeyboardEvent<HTMLElement>): void {
  if (event.key === 'Escape') event.currentTarget.dataset['hintHidden'] = '';
}

function restoreHint(event: FocusEvent<HTMLElement> | PointerEvent<HTMLElement>): void {
  delete event.currentTarget.dataset['hintHidden'];
}

export interface ButtonLook {
  readonly variant?: 'text' | 'outlined' | 'contained';
  readonly tone?: 'primary' | 'error' | 'inherit';
  readonly size?: 'small' | 'medium' | 'large';
}

/** The CSS classes of a button, also for links that look like one. */
export function buttonClass({
  variant = 'text',
  tone = 'primary',
  size = 'medium',
}: ButtonLook = {}): string {
  return `button ${variant} ${tone} size-${size}`;
}

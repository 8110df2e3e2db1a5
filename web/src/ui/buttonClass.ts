export interface ButtonLook {
  readonly variant?: 'text' | 'outlined' | 'contained';
  readonly tone?: 'primary' | 'error' | 'inherit';
  readonly size?: 'small' | 'medium' | 'large';
}

/** The classes that make a button's look; for links that look like one. */
export function buttonClass({
  variant = 'text',
  tone = 'primary',
  size = 'medium',
}: ButtonLook = {}): string {
  return `button ${variant} ${tone} size-${size}`;
}

import { cx } from '../lib/cx';
import styles from './Button.module.css';

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
  return cx(styles.button, styles[variant], styles[tone], styles[size]);
}

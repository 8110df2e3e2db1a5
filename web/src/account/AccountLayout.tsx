import type { ReactNode } from 'react';
import { cx } from '../lib/cx';
import { Connection } from '../transports/Connection';
import { Mark } from '../ui/Brand';
import styles from './account.module.css';

interface AccountLayoutProps {
  readonly title: string;
  readonly children: ReactNode;
  /** A link to the other form, shown below this one. */
  readonly footer: ReactNode;
}

/** The layout of the login and signup pages. Both make calls, so it has the connection's dot. */
export function AccountLayout({ title, children, footer }: AccountLayoutProps) {
  return (
    <main className={styles.layout}>
      <header>
        <Mark size={96} />
        <p className={styles.name}>Trichrome</p>
        <h1 className="h1">{title}</h1>
        <p className={cx(styles.promise, 'quiet')}>
          Your photos, whole and in order of the days you took them. On every screen you own.
        </p>
      </header>
      <div className={cx(styles.form, 'card')}>{children}</div>
      <footer className={cx(styles.footer, 'small')}>
        <span>{footer}</span>
        <Connection />
      </footer>
    </main>
  );
}

import type { ReactNode } from 'react';
import { LastCall } from '../shell/LastCall';
import { TransportSwitch } from '../shell/TransportSwitch';
import { Mark } from '../ui/Brand';

interface AccountLayoutProps {
  readonly title: string;
  readonly children: ReactNode;
  /** A link to the other form, shown below this one. */
  readonly footer: ReactNode;
}

/** The layout of the login and signup pages. Both make calls, so it has the transport switch. */
export function AccountLayout({ title, children, footer }: AccountLayoutProps) {
  return (
    <main className="account">
      <header>
        <Mark size={48} />
        <h1 className="h1">{title}</h1>
        <p className="quiet">One place for your pictures, three ways to reach it.</p>
      </header>
      <div className="card">{children}</div>
      <p className="small">{footer}</p>
      <footer>
        <TransportSwitch />
        <LastCall />
      </footer>
    </main>
  );
}

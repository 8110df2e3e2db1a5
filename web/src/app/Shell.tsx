import { useEffect, useRef } from 'react';
import { Link, NavLink, Outlet, useLocation } from 'react-router';
import { sessionStore } from '../api/session';
import { Connection } from '../transports/Connection';
import { cx } from '../lib/cx';
import { Brand } from '../ui/Brand';
import { buttonClass } from '../ui/buttonClass';
import { AnalyticsIcon, PicturesIcon } from '../ui/icons';
import { UploadPanel } from '../uploads/UploadPanel';
import { useStore } from '../lib/useStore';
import { AccountMenu } from '../account/AccountMenu';
import styles from './Shell.module.css';

const PAGES = [
  { path: '/pictures', label: 'Pictures', icon: <PicturesIcon /> },
  { path: '/analytics', label: 'Analytics', icon: <AnalyticsIcon /> },
] as const;

/** The frame around every page that needs a login. */
export function Shell() {
  const { session } = useStore(sessionStore);
  const { pathname } = useLocation();
  const page = PAGES.find(({ path }) => pathname.startsWith(path))?.path;
  const main = useRef<HTMLElement>(null);
  useFocusOnNewPage(main, page);
  if (session === null) return null;

  return (
    <>
      <a
        className={styles.skip}
        href="#main"
        onClick={(event) => {
          // With a hash in the history, going back from the viewer would move the focus here.
          event.preventDefault();
          main.current?.focus();
        }}
      >
        Skip to content
      </a>
      <header className={styles.bar}>
        <Link className={styles.home} to="/pictures" aria-label="Trichrome, your pictures">
          <Brand />
        </Link>
        <nav className={styles.nav} aria-label="Pages">
          {PAGES.map(({ path, label }) => (
            <NavLink key={path} className={({ isActive }) => link(isActive)} to={path}>
              {label}
            </NavLink>
          ))}
        </nav>
        <Connection />
        <AccountMenu session={session} />
      </header>
      <main id="main" ref={main} tabIndex={-1} className={styles.main}>
        <Outlet />
      </main>
      <nav className={styles.bottom} aria-label="Pages">
        {PAGES.map(({ path, label, icon }) => (
          <NavLink key={path} to={path}>
            {icon}
            {label}
          </NavLink>
        ))}
      </nav>
      <UploadPanel />
    </>
  );
}

const link = (isActive: boolean) => cx(buttonClass({ tone: 'inherit' }), isActive && 'active');

/** Moves the focus and the scroll position to the top of a new page, like a browser does. */
function useFocusOnNewPage(main: React.RefObject<HTMLElement | null>, page: string | undefined) {
  const shown = useRef(page);
  useEffect(() => {
    if (shown.current === page) return;
    shown.current = page;
    // The timeline returns to where it was left.
    if (page !== '/pictures') scrollTo(0, 0);
    main.current?.focus({ preventScroll: true });
  }, [main, page]);
}

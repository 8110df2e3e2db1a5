import { useState } from 'react';
import type { Session } from '../api/session';
import { IconButton } from '../ui/IconButton';
import { lazyWithPreload } from '../ui/lazyWithPreload';
import styles from './account.module.css';

const AccountPopover = lazyWithPreload(() =>
  import('./AccountPopover').then((module) => module.AccountPopover),
);

/** The logged-in user's avatar, which opens the account settings. */
export function AccountMenu({ session }: { readonly session: Session }) {
  const [anchor, setAnchor] = useState<HTMLElement | null>(null);
  const [used, setUsed] = useState(false);
  return (
    <>
      <IconButton
        label="Account and settings"
        aria-haspopup="dialog"
        onPointerEnter={AccountPopover.preload}
        onClick={(event) => {
          setUsed(true);
          setAnchor(event.currentTarget);
        }}
      >
        <span className={styles.avatar}>{initialOf(session.username)}</span>
      </IconButton>
      {used && <AccountPopover anchor={anchor} session={session} onClose={() => setAnchor(null)} />}
    </>
  );
}

/** The first character of a name, as a whole code point. */
function initialOf(username: string): string {
  return (Array.from(username.trim())[0] ?? '').toLocaleUpperCase('en');
}

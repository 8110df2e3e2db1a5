import { useState } from 'react';
import type { Session } from '../api/session';
import { IconButton } from '../ui/IconButton';
import { lazyWithPreload } from '../ui/lazyWithPreload';

const AccountPopover = lazyWithPreload(() =>
  import('./AccountPopover').then((module) => module.AccountPopover),
);

/** Who is logged in; opens the settings and the ways out. */
export function AccountMenu({ session }: { readonly session: Session }) {
  const [anchor, setAnchor] = useState<HTMLElement | null>(null);
  const [used, setUsed] = useState(false);
  return (
    <>
      <IconButton
        label="Account and settings"
        className="account-button"
        aria-haspopup="dialog"
        onPointerEnter={AccountPopover.preload}
        onClick={(event) => {
          setUsed(true);
          setAnchor(event.currentTarget);
        }}
      >
        <span className="avatar">{initialOf(session.username)}</span>
      </IconButton>
      {used && <AccountPopover anchor={anchor} session={session} onClose={() => setAnchor(null)} />}
    </>
  );
}

/** The first letter, or what else a name begins with: a character, not half of one. */
function initialOf(username: string): string {
  return (Array.from(username.trim())[0] ?? '').toLocaleUpperCase('en');
}

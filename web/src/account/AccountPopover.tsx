import { Link } from 'react-router';
import styles from './account.module.css';
import { endSession, type Session } from '../api/session';
import { deletePendingNow } from '../pictures/deletion';
import { Button } from '../ui/Button';
import { buttonClass } from '../ui/buttonClass';
import { Popover } from '../ui/floating/Popover';
import { LogOutIcon, SettingsIcon } from '../ui/icons';
import { SchemeChoice } from '../ui/SchemeChoice';

interface AccountPopoverProps {
  readonly anchor: HTMLElement | null;
  readonly session: Session;
  readonly onClose: () => void;
}

/** The username, the colour scheme, and the ways to the account's page and out. */
export function AccountPopover({ anchor, session, onClose }: AccountPopoverProps) {
  const logOut = async () => {
    // What is still offered to be undone is deleted while there is a session.
    await deletePendingNow();
    endSession('logged-out');
  };
  return (
    <Popover label="Account and settings" anchor={anchor} onClose={onClose}>
      <div className={styles.popover}>
        <div>
          <p className="caption quiet">Logged in as</p>
          <p className="h3 ellipsis" title={session.username}>
            {session.username}
          </p>
        </div>
        <SchemeChoice />
        <hr />
        <Link className={buttonClass({ tone: 'inherit' })} to="/account" onClick={onClose}>
          <SettingsIcon />
          Account
        </Link>
        <Button tone="inherit" startIcon={<LogOutIcon />} onClick={() => void logOut()}>
          Log out
        </Button>
      </div>
    </Popover>
  );
}

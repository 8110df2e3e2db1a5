import { useState } from 'react';
import styles from './account.module.css';
import { DeleteAccountDialog } from './DeleteAccountDialog';
import { endSession, type Session } from '../api/session';
import { deletePendingNow } from '../pictures/deletion';
import { Button } from '../ui/Button';
import { Popover } from '../ui/floating/Popover';
import { LogOutIcon, TrashIcon } from '../ui/icons';
import { SchemeChoice } from '../ui/SchemeChoice';

interface AccountPopoverProps {
  readonly anchor: HTMLElement | null;
  readonly session: Session;
  readonly onClose: () => void;
}

/** The username, the colour scheme, and buttons to log out or delete the account. */
export function AccountPopover({ anchor, session, onClose }: AccountPopoverProps) {
  const [deleting, setDeleting] = useState(false);
  const logOut = async () => {
    // What is still offered to be undone is deleted while there is a session.
    await deletePendingNow();
    endSession('logged-out');
  };
  return (
    <>
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
          <Button tone="inherit" startIcon={<LogOutIcon />} onClick={() => void logOut()}>
            Log out
          </Button>
          <Button
            tone="error"
            startIcon={<TrashIcon />}
            onClick={() => {
              onClose();
              setDeleting(true);
            }}
          >
            Delete account
          </Button>
        </div>
      </Popover>
      <DeleteAccountDialog
        open={deleting}
        username={session.username}
        onClose={() => setDeleting(false)}
      />
    </>
  );
}

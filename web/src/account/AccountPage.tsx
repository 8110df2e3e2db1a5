import { useState } from 'react';
import { Navigate } from 'react-router';
import { describeError } from '../api/errors';
import { sessionStore } from '../api/session';
import { useStore } from '../lib/useStore';
import { Alert } from '../ui/Alert';
import { Button } from '../ui/Button';
import { Confirm } from '../ui/floating/Confirm';
import { TrashIcon } from '../ui/icons';
import { useDocumentTitle } from '../ui/useDocumentTitle';
import { ChangePasswordForm } from './ChangePasswordForm';
import { DeleteAccountDialog } from './DeleteAccountDialog';
import { DownloadData } from './DownloadData';
import { useLogOutEverywhere } from './queries';
import styles from './AccountPage.module.css';

/** What a user can do with their account. */
export function AccountPage() {
  const { session } = useStore(sessionStore);
  const [deleting, setDeleting] = useState(false);
  useDocumentTitle('Account');
  if (session === null) return <Navigate to="/login" replace />;
  return (
    <div className={styles.page}>
      <header>
        <h1 className="h1">Account</h1>
        <p className="quiet ellipsis" title={session.username}>
          {session.username}
        </p>
      </header>
      <section className="card" aria-labelledby="change-password">
        <h2 id="change-password" className="h2">
          Change password
        </h2>
        <p className="quiet">You stay logged in here, and are logged out everywhere else.</p>
        <ChangePasswordForm username={session.username} />
      </section>
      <LogOutEverywhere />
      <section className="card" aria-labelledby="download-data">
        <h2 id="download-data" className="h2">
          Download all your data
        </h2>
        <p className="quiet">
          One ZIP with your pictures as you uploaded them, their titles, and the log of your calls.
        </p>
        <DownloadData username={session.username} />
      </section>
      <section className="card" aria-labelledby="delete-account">
        <h2 id="delete-account" className="h2">
          Delete account
        </h2>
        <p className="quiet">Deletes your account and all of your pictures for good.</p>
        <Button
          tone="error"
          variant="outlined"
          startIcon={<TrashIcon />}
          onClick={() => setDeleting(true)}
        >
          Delete account
        </Button>
      </section>
      <DeleteAccountDialog
        open={deleting}
        username={session.username}
        onClose={() => setDeleting(false)}
      />
    </div>
  );
}

function LogOutEverywhere() {
  const [asking, setAsking] = useState(false);
  const logOut = useLogOutEverywhere();
  return (
    <section className="card" aria-labelledby="log-out-everywhere">
      <h2 id="log-out-everywhere" className="h2">
        Log out everywhere
      </h2>
      <p className="quiet">Ends your sessions in every browser and program within a minute.</p>
      {logOut.isError && !asking && <Alert severity="error">{describeError(logOut.error)}</Alert>}
      <Button variant="outlined" onClick={() => setAsking(true)}>
        Log out everywhere
      </Button>
      <Confirm
        open={asking}
        title="Log out everywhere?"
        text="You have to log in again here and on all of your other devices."
        action="Log out everywhere"
        cancel="Cancel"
        pending={logOut.isPending}
        failure={logOut.isError ? describeError(logOut.error) : undefined}
        onConfirm={() => logOut.mutate()}
        onClose={() => setAsking(false)}
      />
    </section>
  );
}

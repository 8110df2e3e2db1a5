import Alert from '@mui/material/Alert';
import Button from '@mui/material/Button';
import Dialog from '@mui/material/Dialog';
import DialogActions from '@mui/material/DialogActions';
import DialogContent from '@mui/material/DialogContent';
import DialogContentText from '@mui/material/DialogContentText';
import DialogTitle from '@mui/material/DialogTitle';
import TextField from '@mui/material/TextField';
import { useState } from 'react';
import { describeError } from '../api/errors';
import { useDeleteAccount } from './queries';

interface DeleteAccountDialogProps {
  readonly open: boolean;
  readonly username: string;
  readonly onClose: () => void;
}

/** All pictures go with the account, so it takes more than one click. */
export function DeleteAccountDialog({ open, username, onClose }: DeleteAccountDialogProps) {
  const [typed, setTyped] = useState('');
  const deletion = useDeleteAccount();
  const close = () => {
    if (deletion.isPending) return;
    setTyped('');
    deletion.reset();
    onClose();
  };
  return (
    <Dialog
      open={open}
      onClose={close}
      role="alertdialog"
      aria-labelledby="delete-account-title"
      aria-describedby="delete-account-text"
    >
      <DialogTitle id="delete-account-title" variant="h2">
        Delete your account?
      </DialogTitle>
      <DialogContent>
        <DialogContentText id="delete-account-text" sx={{ mb: 2 }}>
          The account and all of its pictures are deleted for good. There is no way to get them
          back. Type <strong>{username}</strong> to confirm.
        </DialogContentText>
        <TextField
          label="Your username"
          autoComplete="off"
          value={typed}
          onChange={(event) => setTyped(event.target.value)}
        />
        {deletion.isError && (
          <Alert severity="error" sx={{ mt: 2 }}>
            {describeError(deletion.error)}
          </Alert>
        )}
      </DialogContent>
      <DialogActions sx={{ px: 3, pb: 2.5 }}>
        <Button onClick={close} disabled={deletion.isPending}>
          Keep it
        </Button>
        <Button
          color="error"
          variant="contained"
          disabled={typed !== username}
          loading={deletion.isPending}
          onClick={() => deletion.mutate()}
        >
          Delete for good
        </Button>
      </DialogActions>
    </Dialog>
  );
}

import { useState } from 'react';
import { describeError } from '../api/errors';
import { Confirm } from '../ui/floating/Confirm';
import { TextField } from '../ui/TextField';
import { useDeleteAccount } from './queries';

interface DeleteAccountDialogProps {
  readonly open: boolean;
  readonly username: string;
  readonly onClose: () => void;
}

/** Deleting an account also deletes its pictures, so the username must be typed to confirm. */
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
    <Confirm
      open={open}
      title="Delete your account?"
      text={
        <>
          Your account and all of its pictures will be deleted for good. This can’t be undone. Type{' '}
          <strong>{username}</strong> to confirm.
        </>
      }
      ready={typed === username}
      pending={deletion.isPending}
      failure={deletion.isError ? describeError(deletion.error) : undefined}
      onConfirm={() => deletion.mutate()}
      onClose={close}
    >
      <TextField
        id="delete-account-name"
        label="Your username"
        autoComplete="off"
        value={typed}
        onChange={(event) => setTyped(event.target.value)}
      />
    </Confirm>
  );
}

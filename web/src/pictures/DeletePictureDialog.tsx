import Alert from '@mui/material/Alert';
import Button from '@mui/material/Button';
import Dialog from '@mui/material/Dialog';
import DialogActions from '@mui/material/DialogActions';
import DialogContent from '@mui/material/DialogContent';
import DialogContentText from '@mui/material/DialogContentText';
import DialogTitle from '@mui/material/DialogTitle';
import { describeError } from '../api/errors';
import { notify } from '../ui/notices';
import { type PictureInfo, useDeletePicture } from './queries';

interface DeletePictureDialogProps {
  readonly open: boolean;
  readonly picture: PictureInfo;
  readonly onClose: () => void;
  readonly onDeleted: () => void;
}

export function DeletePictureDialog({
  open,
  picture,
  onClose,
  onDeleted,
}: DeletePictureDialogProps) {
  const deletion = useDeletePicture();
  const confirm = () =>
    deletion.mutate(picture.id, {
      onSuccess: () => {
        notify(`“${picture.title}” is deleted.`);
        onDeleted();
      },
    });
  const close = () => {
    if (deletion.isPending) return;
    deletion.reset();
    onClose();
  };
  return (
    <Dialog
      open={open}
      onClose={close}
      role="alertdialog"
      aria-labelledby="delete-title"
      aria-describedby="delete-text"
    >
      <DialogTitle id="delete-title" variant="h2">
        Delete this picture?
      </DialogTitle>
      <DialogContent>
        <DialogContentText id="delete-text">
          “{picture.title}” is deleted for good. There is no way to get it back.
        </DialogContentText>
        {deletion.isError && (
          <Alert severity="error" sx={{ mt: 2 }}>
            {describeError(deletion.error)}
          </Alert>
        )}
      </DialogContent>
      <DialogActions sx={{ px: 3, pb: 2.5 }}>
        <Button
          onClick={close}
          // eslint-disable-next-line jsx-a11y/no-autofocus -- Enter on a fresh dialog must delete nothing
          autoFocus
          disabled={deletion.isPending}
        >
          Keep it
        </Button>
        <Button onClick={confirm} color="error" variant="contained" loading={deletion.isPending}>
          Delete for good
        </Button>
      </DialogActions>
    </Dialog>
  );
}

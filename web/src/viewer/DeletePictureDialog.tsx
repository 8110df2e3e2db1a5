import { describeError } from '../api/errors';
import { Confirm } from '../ui/floating/Confirm';
import { notify } from '../ui/notices';
import { useDeletePicture } from '../pictures/queries';
import type { PictureInfo } from '../pictures/requests';

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
        notify(`“${picture.title}” was deleted.`);
        onDeleted();
      },
    });
  const close = () => {
    if (deletion.isPending) return;
    deletion.reset();
    onClose();
  };
  return (
    <Confirm
      open={open}
      title="Delete this picture?"
      text={`“${picture.title}” will be deleted for good. This can’t be undone.`}
      pending={deletion.isPending}
      failure={deletion.isError ? describeError(deletion.error) : undefined}
      onConfirm={confirm}
      onClose={close}
    />
  );
}

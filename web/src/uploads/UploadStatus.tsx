import { AlertIcon } from '../ui/icons';
import { Spinner } from '../ui/Spinner';
import { useStore } from '../useStore';
import { overall } from './UploadQueue';
import { openUploads, uploads } from './uploads';

/** While the dialog is closed: how the uploads under way are doing, and the way back to them. */
export function UploadStatus() {
  const all = useStore(uploads.store);
  const { underWay, progress } = overall(all);
  const failed = all.filter(({ state }) => state.kind === 'failed').length;
  if (underWay === 0 && failed === 0) return null;

  const text =
    underWay > 0
      ? `Uploading ${underWay} ${underWay === 1 ? 'picture' : 'pictures'}`
      : `${failed} ${failed === 1 ? 'upload' : 'uploads'} failed`;
  return (
    <button type="button" className="upload-status" onClick={() => openUploads()}>
      {underWay > 0 ? (
        <Spinner size={18} {...(progress < 1 && { progress: Math.max(0.04, progress) })} />
      ) : (
        <AlertIcon />
      )}
      {text}
    </button>
  );
}

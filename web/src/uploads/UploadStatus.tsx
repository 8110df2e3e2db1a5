import { AlertIcon } from '../ui/icons';
import { Spinner } from '../ui/Spinner';
import { useStore } from '../lib/useStore';
import { overall } from './UploadQueue';
import { openUploads, uploads } from './uploads';

/** The state of the uploads while the dialog is closed, as a button that opens it. */
export function UploadStatus() {
  const all = useStore(uploads.store);
  const { underWay, progress } = overall(all);
  const count = (kind: 'failed' | 'ready') => all.filter(({ state }) => state.kind === kind).length;
  const [failed, ready] = [count('failed'), count('ready')];
  if (underWay + failed + ready === 0) return null;

  const pictures = (n: number) => `${n} ${n === 1 ? 'picture' : 'pictures'}`;
  const text =
    underWay > 0
      ? `Uploading ${pictures(underWay)}`
      : failed > 0
        ? `${failed} ${failed === 1 ? 'upload' : 'uploads'} failed`
        : `${pictures(ready)} not uploaded yet`;
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

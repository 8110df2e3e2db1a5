import { IMAGE_TYPES } from '../pictures/image';
import { Mark } from '../ui/Brand';
import { lazyWithPreload } from '../ui/lazyWithPreload';
import { useEffect } from 'react';
import { useStore } from '../lib/useStore';
import { chooserRef, uploads } from './uploads';
import { useIncomingFiles } from './useIncomingFiles';
import styles from './UploadTray.module.css';

const UploadTray = lazyWithPreload(() =>
  import('./UploadTray').then((module) => module.UploadTray),
);

/** HEIC is offered too: it is converted where the browser can, and explained otherwise. */
const ACCEPT = [...Object.keys(IMAGE_TYPES), '.heic', '.heif'].join(',');

/** The parts of uploading that are on every page: choosing, drop, paste and the list. */
export function UploadPanel() {
  const dragging = useIncomingFiles();
  useLeaveWarning();
  const any = useStore(uploads.items).length > 0;
  return (
    <>
      <input
        ref={chooserRef}
        type="file"
        multiple
        hidden
        data-testid="file-input"
        accept={ACCEPT}
        onChange={(event) => {
          uploads.add(event.target.files ?? []);
          // Choosing the same file again must trigger another change event.
          event.target.value = '';
        }}
      />
      {any && <UploadTray />}
      {dragging && (
        <div className={styles.overlay} aria-hidden="true">
          <Mark size={132} />
          <p className="h2">Drop pictures to upload them</p>
        </div>
      )}
    </>
  );
}

/** Asks before the page is left while an upload couldn't be saved for the next one. */
function useLeaveWarning(): void {
  const revision = useStore(uploads.revision);
  useEffect(() => {
    if (!uploads.wouldLose) return undefined;
    const ask = (event: BeforeUnloadEvent) => event.preventDefault();
    addEventListener('beforeunload', ask);
    return () => removeEventListener('beforeunload', ask);
  }, [revision]);
}

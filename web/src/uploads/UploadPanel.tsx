import { useEffect, useState } from 'react';
import { UploadIcon } from '../ui/icons';
import { lazyWithPreload } from '../ui/lazyWithPreload';
import { useStore } from '../lib/useStore';
import { overall } from './UploadQueue';
import { UploadStatus } from './UploadStatus';
import { uploadDialogStore, uploads } from './uploads';
import { useIncomingFiles } from './useIncomingFiles';

const UploadDialog = lazyWithPreload(() =>
  import('./UploadDialog').then((module) => module.UploadDialog),
);

/** The parts of uploading that are on every page: drop, paste, the dialog and the status. */
export function UploadPanel() {
  const dragging = useIncomingFiles();
  const open = useStore(uploadDialogStore);
  const [used, setUsed] = useState(open);
  if (open && !used) setUsed(true);
  const { underWay } = overall(useStore(uploads.store));

  useEffect(() => {
    if (underWay === 0) return undefined;
    const ask = (event: BeforeUnloadEvent) => event.preventDefault();
    addEventListener('beforeunload', ask);
    return () => removeEventListener('beforeunload', ask);
  }, [underWay]);

  return (
    <>
      {used && <UploadDialog open={open} />}
      {!open && <UploadStatus />}
      {dragging && <DropOverlay />}
    </>
  );
}

function DropOverlay() {
  return (
    <div className="drop-overlay" aria-hidden="true">
      <UploadIcon size={44} />
      <p className="h2">Drop pictures to upload them</p>
    </div>
  );
}

import { useRef } from 'react';
import { formatBytes } from '../lib/format';
import { LIMITS } from '../lib/limits';
import { IMAGE_TYPES } from '../pictures/image';
import { useStore } from '../lib/useStore';
import { Button } from '../ui/Button';
import { Dialog } from '../ui/floating/Dialog';
import { UploadIcon } from '../ui/icons';
import { ACCEPTED_TYPES } from './checkFile';
import type { Upload } from './UploadQueue';
import { UploadRow } from './UploadRow';
import { closeUploads, uploads } from './uploads';

/** The dialog to choose pictures, edit their titles and follow their upload. */
export function UploadDialog({ open }: { readonly open: boolean }) {
  const all = useStore(uploads.store);
  const ready = all.filter(({ state }) => state.kind === 'ready');
  const untitled = ready.some(({ title }) => title.trim() === '');
  const underWay = all.some(({ state }) => state.kind === 'waiting' || state.kind === 'sending');

  // Closing keeps pictures that haven't been uploaded: Escape is easily pressed by accident.
  const close = () => {
    closeUploads();
    uploads.clearSettled();
  };
  const discard = () => {
    closeUploads();
    uploads.clearIdle();
  };

  return (
    <Dialog
      open={open}
      onClose={close}
      title="Upload pictures"
      actions={
        <>
          {!underWay && ready.length > 0 && <Button onClick={discard}>Cancel</Button>}
          {ready.length > 0 && (
            <Button variant="contained" disabled={untitled} onClick={() => uploads.start()}>
              {ready.length === 1 ? 'Upload 1 picture' : `Upload ${ready.length} pictures`}
            </Button>
          )}
        </>
      }
    >
      <div className="uploads">
        <FileChooser compact={all.length > 0} />
        {all.length > 0 && (
          <ul aria-label="Pictures to upload">
            {all.map((upload) => (
              <UploadRow key={upload.id} upload={upload} />
            ))}
          </ul>
        )}
        <div role="status" className="visually-hidden">
          {summary(all)}
        </div>
      </div>
    </Dialog>
  );
}

/** Announced to screen readers. It changes only when an upload ends, not with its progress. */
function summary(all: readonly Upload[]): string {
  const count = (kind: Upload['state']['kind']) =>
    all.filter(({ state }) => state.kind === kind).length;
  return [
    [count('stored'), 'uploaded'],
    [count('failed'), 'failed'],
    [count('refused'), 'refused'],
    [count('cancelled'), 'cancelled'],
  ]
    .filter(([n]) => n !== 0)
    .map(([n, what]) => `${n} ${what}`)
    .join(', ');
}

function FileChooser({ compact }: { readonly compact: boolean }) {
  const input = useRef<HTMLInputElement>(null);
  return (
    <div className={compact ? 'file-chooser compact' : 'file-chooser'}>
      {!compact && <UploadIcon size={36} className="quiet" />}
      <Button variant={compact ? 'outlined' : 'contained'} onClick={() => input.current?.click()}>
        {compact ? 'Choose more' : 'Choose pictures'}
      </Button>
      <input
        ref={input}
        type="file"
        multiple
        hidden
        data-testid="file-input"
        accept={Object.keys(IMAGE_TYPES).join(',')}
        onChange={(event) => {
          uploads.add(event.target.files ?? []);
          // Choosing the same file again must trigger another change event.
          event.target.value = '';
        }}
      />
      <p className="small quiet">
        {!compact && <>Or drop or paste them anywhere. </>}
        {ACCEPTED_TYPES}, up to {formatBytes(LIMITS.pictureBytes)} each.
      </p>
    </div>
  );
}

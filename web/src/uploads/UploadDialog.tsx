import Box from '@mui/material/Box';
import Button from '@mui/material/Button';
import Dialog from '@mui/material/Dialog';
import DialogActions from '@mui/material/DialogActions';
import DialogContent from '@mui/material/DialogContent';
import DialogTitle from '@mui/material/DialogTitle';
import Stack from '@mui/material/Stack';
import { useTheme } from '@mui/material/styles';
import Typography from '@mui/material/Typography';
import useMediaQuery from '@mui/material/useMediaQuery';
import { visuallyHidden } from '../ui/visuallyHidden';
import { useEffect, useRef } from 'react';
import { formatBytes } from '../format';
import { LIMITS } from '../limits';
import { IMAGE_TYPES } from '../pictures/image';
import { useStore } from '../store';
import { UploadIcon } from '../ui/icons';
import { TAKEN_TYPES } from './checkFile';
import type { Upload } from './UploadQueue';
import { UploadRow } from './UploadRow';
import { closeUploads, uploads } from './uploads';
import { RADIUS } from '../theme';

/** Choosing pictures, giving them titles, and watching them go. */
export function UploadDialog({ open }: { readonly open: boolean }) {
  const all = useStore(uploads.store);
  const narrow = useMediaQuery(useTheme().breakpoints.down('sm'));
  const ready = all.filter(({ state }) => state.kind === 'ready');
  const untitled = ready.some(({ title }) => title.trim() === '');
  const underWay = all.some(({ state }) => state.kind === 'waiting' || state.kind === 'sending');

  // What had the focus may be gone (a retried upload's button, a removed row): it stays in here.
  const paper = useRef<HTMLDivElement>(null);
  useEffect(() => {
    if (open && document.activeElement === document.body) paper.current?.focus();
  });

  const close = () => {
    closeUploads();
    uploads.clearIdle();
  };

  return (
    <Dialog
      open={open}
      onClose={close}
      fullScreen={narrow}
      fullWidth
      maxWidth="sm"
      aria-labelledby="upload-title"
      slotProps={{ paper: { ref: paper, tabIndex: -1, sx: { '&:focus': { outline: 'none' } } } }}
    >
      <DialogTitle id="upload-title" variant="h2" component="h2">
        Upload pictures
      </DialogTitle>
      <DialogContent>
        <Stack sx={{ gap: 2 }}>
          <FileChooser compact={all.length > 0} />
          {all.length > 0 && (
            <Stack
              component="ul"
              aria-label="Pictures to upload"
              sx={{ m: 0, p: 0, gap: 1.5, listStyle: 'none' }}
            >
              {all.map((upload) => (
                <UploadRow key={upload.id} upload={upload} />
              ))}
            </Stack>
          )}
        </Stack>
        <Box role="status" sx={visuallyHidden}>
          {summary(all)}
        </Box>
      </DialogContent>
      <DialogActions sx={{ px: 3, pb: 2.5 }}>
        <Button onClick={close}>{underWay || ready.length === 0 ? 'Close' : 'Cancel'}</Button>
        {ready.length > 0 && (
          <Button variant="contained" disabled={untitled} onClick={() => uploads.start()}>
            {ready.length === 1 ? 'Upload 1 picture' : `Upload ${ready.length} pictures`}
          </Button>
        )}
      </DialogActions>
    </Dialog>
  );
}

/** Said aloud; changes only when an upload has ended, so that progress doesn't chatter. */
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
    <Stack
      sx={{
        alignItems: 'center',
        textAlign: 'center',
        gap: 1.5,
        px: 2,
        py: compact ? 2 : 5,
        border: '1.5px dashed',
        borderColor: 'text.disabled',
        borderRadius: RADIUS.card,
      }}
    >
      {!compact && <UploadIcon sx={{ fontSize: 36, color: 'text.secondary' }} />}
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
          // So that choosing the same file again is a change again.
          event.target.value = '';
        }}
      />
      <Typography variant="body2" color="textSecondary">
        {!compact && <>Or drop or paste them anywhere. </>}
        {TAKEN_TYPES}, up to {formatBytes(LIMITS.pictureBytes)} each.
      </Typography>
    </Stack>
  );
}

import Box from '@mui/material/Box';
import Typography from '@mui/material/Typography';
import { useEffect } from 'react';
import { useStore } from '../store';
import { UploadIcon } from '../ui/icons';
import { UploadDialog } from './UploadDialog';
import { overall } from './UploadQueue';
import { UploadStatus } from './UploadStatus';
import { uploadDialogStore, uploads } from './uploads';
import { useIncomingFiles } from './useIncomingFiles';
import { RADIUS } from '../theme';

/** Everything of uploads that is there on every page: drop, paste, the dialog, the status. */
export function UploadPanel() {
  const dragging = useIncomingFiles();
  const open = useStore(uploadDialogStore);
  const { underWay } = overall(useStore(uploads.store));

  useEffect(() => {
    if (underWay === 0) return undefined;
    const ask = (event: BeforeUnloadEvent) => event.preventDefault();
    addEventListener('beforeunload', ask);
    return () => removeEventListener('beforeunload', ask);
  }, [underWay]);

  return (
    <>
      <UploadDialog open={open} />
      {!open && <UploadStatus />}
      {dragging && <DropOverlay />}
    </>
  );
}

function DropOverlay() {
  return (
    <Box
      aria-hidden="true"
      sx={(theme) => ({
        position: 'fixed',
        inset: 12,
        zIndex: theme.zIndex.modal + 1,
        display: 'grid',
        placeContent: 'center',
        justifyItems: 'center',
        gap: 1.5,
        border: '2px dashed',
        borderColor: 'primary.main',
        borderRadius: RADIUS.large,
        bgcolor: `color-mix(in srgb, ${theme.vars.palette.background.default} 88%, transparent)`,
        color: 'primary.main',
        pointerEvents: 'none',
      })}
    >
      <UploadIcon sx={{ fontSize: 44 }} />
      <Typography variant="h2" component="p">
        Drop pictures to upload them
      </Typography>
    </Box>
  );
}

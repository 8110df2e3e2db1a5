import ButtonBase from '@mui/material/ButtonBase';
import CircularProgress from '@mui/material/CircularProgress';
import Typography from '@mui/material/Typography';
import { useStore } from '../store';
import { AlertIcon } from '../ui/icons';
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
    <ButtonBase
      onClick={() => openUploads()}
      sx={(theme) => ({
        position: 'fixed',
        right: 16,
        bottom: { xs: 'calc(76px + env(safe-area-inset-bottom))', md: 20 },
        zIndex: theme.zIndex.fab,
        gap: 1.25,
        px: 2,
        py: 1.25,
        borderRadius: 99,
        border: 1,
        borderColor: 'divider',
        bgcolor: 'background.paper',
        boxShadow: '0 6px 20px rgb(0 0 0 / 0.14)',
      })}
    >
      {underWay > 0 ? (
        <CircularProgress
          size={18}
          thickness={5}
          enableTrackSlot
          variant={progress >= 1 ? 'indeterminate' : 'determinate'}
          value={Math.max(4, progress * 100)}
          aria-hidden="true"
        />
      ) : (
        <AlertIcon color="error" />
      )}
      <Typography variant="body2" component="span" sx={{ fontWeight: 550 }}>
        {text}
      </Typography>
    </ButtonBase>
  );
}

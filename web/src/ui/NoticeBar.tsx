import Alert from '@mui/material/Alert';
import Snackbar from '@mui/material/Snackbar';
import { useStore } from '../store';
import { noticeStore } from './notices';

/** The one place where messages appear. */
export function NoticeBar() {
  const notice = useStore(noticeStore);
  const close = () => noticeStore.set(null);
  return (
    <Snackbar
      key={notice?.key}
      open={notice !== null}
      autoHideDuration={notice?.severity === 'error' ? 10_000 : 5_000}
      onClose={(_, reason) => {
        if (reason !== 'clickaway') close();
      }}
      anchorOrigin={{ vertical: 'bottom', horizontal: 'center' }}
      sx={{ bottom: { xs: 'calc(72px + env(safe-area-inset-bottom))', md: 24 } }}
    >
      <Alert
        severity={notice?.severity ?? 'info'}
        onClose={close}
        variant="filled"
        role={notice?.severity === 'error' ? 'alert' : 'status'}
        sx={{ minWidth: { sm: 320 } }}
      >
        {notice?.text}
      </Alert>
    </Snackbar>
  );
}

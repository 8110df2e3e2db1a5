import MuiDialog, { type DialogProps } from '@mui/material/Dialog';
import { ThemeProvider } from '@mui/material/styles';
import { theme } from './theme';

/** A dialog: it keeps the focus, gives it back, and is closed by Escape. */
export function Dialog(props: DialogProps) {
  return (
    <ThemeProvider theme={theme}>
      <MuiDialog {...props} />
    </ThemeProvider>
  );
}

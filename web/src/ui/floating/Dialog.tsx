import MuiDialog, { type DialogProps } from '@mui/material/Dialog';
import { ThemeProvider } from '@mui/material/styles';
import { theme } from './theme';

/** A modal dialog. It traps the focus, restores it on closing, and closes on Escape. */
export function Dialog(props: DialogProps) {
  return (
    <ThemeProvider theme={theme}>
      <MuiDialog {...props} />
    </ThemeProvider>
  );
}

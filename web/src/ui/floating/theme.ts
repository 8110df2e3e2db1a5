import { createTheme } from '@mui/material/styles';

const SURFACE = {
  color: 'var(--text)',
  backgroundColor: 'var(--paper)',
  backgroundImage: 'none',
  border: '1px solid var(--divider)',
};

/** Applies the app's colours and corners to MUI's dialogs and popovers. */
export const theme = createTheme({
  typography: { fontFamily: 'var(--font)' },
  components: {
    MuiPaper: { defaultProps: { elevation: 0 } },
    MuiDialog: {
      styleOverrides: {
        paper: { ...SURFACE, borderRadius: 'var(--radius-large)', '&:focus': { outline: 'none' } },
        paperFullScreen: { border: 0, borderRadius: 0 },
      },
    },
    MuiPopover: {
      styleOverrides: {
        paper: {
          ...SURFACE,
          marginTop: 4,
          borderRadius: 'var(--radius-card)',
          boxShadow: 'var(--shadow)',
        },
      },
    },
  },
});

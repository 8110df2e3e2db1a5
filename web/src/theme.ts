import type {} from '@mui/material/themeCssVarsAugmentation';
import { createTheme } from '@mui/material/styles';
import type { Transport } from './transports';

/** Where the chosen colour scheme is remembered; `public/scheme.js` reads it before first paint. */
export const SCHEME_KEY = 'trichrome.scheme';

/** The three colours of the name: one a transport, wherever one is shown. */
export const TRANSPORT_COLORS: Readonly<Record<Transport, string>> = {
  rest: '#3b6cf0',
  grpc: '#0f9b78',
  events: '#d95f27',
};

const fontFamily = [
  '"Inter Variable"',
  'system-ui',
  '-apple-system',
  '"Segoe UI"',
  'Roboto',
  'sans-serif',
].join(',');

/** Corners: of things within a card, of cards, and of what floats above the page. */
export const RADIUS = { small: '8px', card: '14px', large: '18px' } as const;

/** For ids and figures that are compared digit by digit. */
export const MONOSPACE = 'ui-monospace, "SF Mono", "Cascadia Mono", Menlo, Consolas, monospace';

export const theme = createTheme({
  // Both schemes are in the style sheet, and an attribute chooses: no re-render on a change.
  cssVariables: { colorSchemeSelector: 'data-scheme' },
  colorSchemes: {
    light: {
      palette: {
        primary: { main: '#3d4bc7', dark: '#313ca3', contrastText: '#ffffff' },
        error: { main: '#c0303b' },
        warning: { main: '#94590a' },
        success: { main: '#1c7a4f' },
        background: { default: '#f7f7f9', paper: '#ffffff' },
        text: { primary: '#16181d', secondary: '#545965' },
        divider: '#e3e4ea',
      },
    },
    dark: {
      palette: {
        primary: { main: '#aeb8ff', dark: '#97a3fb', contrastText: '#12163a' },
        error: { main: '#ff9a9f' },
        warning: { main: '#f0c27b' },
        success: { main: '#7fd8ab' },
        background: { default: '#101216', paper: '#181b21' },
        text: { primary: '#eceef2', secondary: '#a7adba' },
        divider: '#2b2f38',
      },
    },
  },
  shape: { borderRadius: 10 },
  typography: {
    fontFamily,
    h1: { fontSize: '1.75rem', fontWeight: 650, letterSpacing: '-0.02em', lineHeight: 1.2 },
    h2: { fontSize: '1.125rem', fontWeight: 620, letterSpacing: '-0.01em', lineHeight: 1.3 },
    h3: { fontSize: '0.9375rem', fontWeight: 600, lineHeight: 1.4 },
    body2: { lineHeight: 1.5 },
    button: { textTransform: 'none', fontWeight: 560 },
  },
  components: {
    MuiCssBaseline: {
      styleOverrides: {
        body: { overflowWrap: 'anywhere' },
        // A focus ring that is the same everywhere and never drawn for the mouse.
        ':focus-visible': {
          outline: '2px solid var(--mui-palette-primary-main)',
          outlineOffset: 2,
        },
        '@media (prefers-reduced-motion: reduce)': {
          // A spinner that stands still would say nothing: it goes on.
          '*:not([role="progressbar"], [role="progressbar"] *), *::before, *::after': {
            animationDuration: '0.01ms !important',
            animationIterationCount: '1 !important',
            transitionDuration: '0.01ms !important',
          },
        },
      },
    },
    MuiButtonBase: { defaultProps: { disableRipple: true } },
    MuiButton: {
      defaultProps: { disableElevation: true },
      styleOverrides: { root: { borderRadius: 10, minHeight: 40, paddingInline: 16 } },
    },
    MuiPaper: {
      defaultProps: { elevation: 0 },
      // Dark surfaces differ by their own colour here, not by an overlay that grows with height.
      styleOverrides: { root: { backgroundImage: 'none' } },
    },
    MuiDialog: {
      styleOverrides: {
        paper: {
          border: '1px solid var(--mui-palette-divider)',
          borderRadius: RADIUS.large,
        },
        paperFullScreen: { border: 0, borderRadius: 0 },
      },
    },
    MuiMenu: {
      styleOverrides: {
        paper: {
          border: '1px solid var(--mui-palette-divider)',
          boxShadow: '0 8px 28px rgb(0 0 0 / 0.14)',
        },
      },
    },
    MuiTooltip: { defaultProps: { enterDelay: 400, arrow: true } },
    MuiTextField: { defaultProps: { fullWidth: true } },
    MuiChip: { styleOverrides: { root: { fontWeight: 500 } } },
    MuiAlert: { styleOverrides: { root: { borderRadius: 12, alignItems: 'center' } } },
    MuiLinearProgress: { styleOverrides: { root: { borderRadius: 4, height: 6 } } },
  },
});

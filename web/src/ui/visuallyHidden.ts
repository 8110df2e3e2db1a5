import type { CSSObject } from '@mui/material/styles';

/** There for screen readers, not for the eye. */
export const visuallyHidden = {
  position: 'absolute',
  // With units: MUI's `sx` reads a bare 1 as the whole width.
  width: '1px',
  height: '1px',
  margin: '-1px',
  padding: 0,
  border: 0,
  overflow: 'hidden',
  clipPath: 'inset(50%)',
  whiteSpace: 'nowrap',
} as const satisfies CSSObject;

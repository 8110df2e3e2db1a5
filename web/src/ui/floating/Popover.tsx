import MuiPopover from '@mui/material/Popover';
import { ThemeProvider } from '@mui/material/styles';
import type { ReactNode } from 'react';
import { theme } from './theme';

interface PopoverProps {
  readonly label: string;
  /** The element to attach to; the popover is closed if null. */
  readonly anchor: HTMLElement | null;
  readonly width: number | string;
  readonly onClose: () => void;
  readonly children: ReactNode;
}

/** A small dialog below the element that opened it. */
export function Popover({ label, anchor, width, onClose, children }: PopoverProps) {
  return (
    <ThemeProvider theme={theme}>
      <MuiPopover
        open={anchor !== null}
        anchorEl={anchor}
        onClose={onClose}
        anchorOrigin={{ vertical: 'bottom', horizontal: 'right' }}
        transformOrigin={{ vertical: 'top', horizontal: 'right' }}
        slotProps={{ paper: { role: 'dialog', 'aria-label': label, style: { width } } }}
      >
        {children}
      </MuiPopover>
    </ThemeProvider>
  );
}

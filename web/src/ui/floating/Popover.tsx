import { Popover as Base } from '@base-ui/react/popover';
import type { ReactNode } from 'react';
import styles from './Popover.module.css';

interface PopoverProps {
  readonly label: string;
  /** The element to attach to; the popover is closed if null. */
  readonly anchor: HTMLElement | null;
  readonly onClose: () => void;
  readonly children: ReactNode;
}

/** A small dialog below the element that opened it. */
export function Popover({ label, anchor, onClose, children }: PopoverProps) {
  return (
    <Base.Root
      open={anchor !== null}
      modal
      onOpenChange={(open) => {
        if (!open) onClose();
      }}
    >
      <Base.Portal>
        <Base.Positioner
          className={styles.positioner}
          anchor={anchor}
          align="end"
          sideOffset={6}
          collisionPadding={8}
        >
          <Base.Popup className={styles.popup} aria-label={label} finalFocus={() => anchor}>
            {children}
            <Base.Close className="visually-hidden">Close</Base.Close>
          </Base.Popup>
        </Base.Positioner>
      </Base.Portal>
    </Base.Root>
  );
}

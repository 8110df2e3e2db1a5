import { AlertDialog } from '@base-ui/react/alert-dialog';
import { Dialog as Base } from '@base-ui/react/dialog';
import type { ComponentProps, ReactNode } from 'react';
import { cx } from '../../lib/cx';
import { IconButton } from '../IconButton';
import { CloseIcon } from '../icons';
import styles from './Dialog.module.css';

interface DialogProps {
  readonly open: boolean;
  /** Called for Escape, a press outside, and the close button. */
  readonly onClose: () => void;
  readonly title: ReactNode;
  /** `drawer` is attached to the side, or to the bottom of a phone. */
  readonly look?: 'card' | 'drawer';
  /** An alert needs an answer: a press outside doesn't close it, and it has no close button. */
  readonly isAlert?: boolean;
  /** The buttons at the bottom. */
  readonly actions?: ReactNode;
  /** What gets the focus on opening or closing instead of the default. */
  readonly initialFocus?: ComponentProps<typeof Base.Popup>['initialFocus'];
  readonly finalFocus?: ComponentProps<typeof Base.Popup>['finalFocus'];
  readonly children: ReactNode;
}

/** A modal dialog. It traps the focus, restores it on closing, and closes on Escape. */
export function Dialog({
  open,
  onClose,
  title,
  look = 'card',
  isAlert = false,
  actions,
  initialFocus,
  finalFocus,
  children,
}: DialogProps) {
  const Root = isAlert ? AlertDialog.Root : Base.Root;
  return (
    <Root
      open={open}
      onOpenChange={(next) => {
        if (!next) onClose();
      }}
    >
      <Base.Portal>
        <Base.Backdrop className={styles.backdrop} />
        <Base.Popup
          className={cx(styles.popup, styles[look])}
          {...(initialFocus !== undefined && { initialFocus })}
          {...(finalFocus !== undefined && { finalFocus })}
        >
          <header className={styles.head}>
            <Base.Title className={cx(styles.title, 'h2')}>{title}</Base.Title>
            {!isAlert && (
              <IconButton label="Close" hint="none" onClick={onClose}>
                <CloseIcon />
              </IconButton>
            )}
          </header>
          <div className={styles.body}>{children}</div>
          {actions !== undefined && <div className={styles.actions}>{actions}</div>}
        </Base.Popup>
      </Base.Portal>
    </Root>
  );
}

/** The text that describes a dialog to screen readers. */
export function DialogText({ children }: { readonly children: ReactNode }) {
  return <Base.Description className="quiet">{children}</Base.Description>;
}

import type { ReactNode } from 'react';
import { describeError } from '../../api/errors';
import { Alert } from '../Alert';
import { Button } from '../Button';
import { Dialog } from './Dialog';

interface ConfirmProps {
  readonly open: boolean;
  /** Distinguishes it from others on the page. */
  readonly id: string;
  readonly title: string;
  readonly text: ReactNode;
  /** What has to be done first, if anything. */
  readonly children?: ReactNode;
  readonly ready?: boolean;
  readonly pending: boolean;
  readonly error: Error | null;
  readonly onConfirm: () => void;
  readonly onClose: () => void;
}

/** Asks before something is deleted for good. */
export function Confirm({
  open,
  id,
  title,
  text,
  children,
  ready = true,
  pending,
  error,
  onConfirm,
  onClose,
}: ConfirmProps) {
  return (
    <Dialog
      open={open}
      onClose={onClose}
      role="alertdialog"
      aria-labelledby={`${id}-title`}
      aria-describedby={`${id}-text`}
    >
      <h2 id={`${id}-title`} className="h2 dialog-title">
        {title}
      </h2>
      <div className="dialog-body">
        <p id={`${id}-text`} className="quiet">
          {text}
        </p>
        {children}
        {error !== null && <Alert severity="error">{describeError(error)}</Alert>}
      </div>
      <div className="dialog-actions">
        <Button
          onClick={onClose}
          // eslint-disable-next-line jsx-a11y/no-autofocus -- Enter on a fresh dialog must delete nothing
          autoFocus
          disabled={pending}
        >
          Keep it
        </Button>
        <Button
          tone="error"
          variant="contained"
          disabled={!ready}
          loading={pending}
          onClick={onConfirm}
        >
          Delete for good
        </Button>
      </div>
    </Dialog>
  );
}

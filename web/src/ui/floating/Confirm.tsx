import type { ReactNode } from 'react';
import { describeError } from '../../api/errors';
import { Alert } from '../Alert';
import { Button } from '../Button';
import { Dialog } from './Dialog';

interface ConfirmProps {
  readonly open: boolean;
  /** The prefix of element ids, unique on the page. */
  readonly id: string;
  readonly title: string;
  readonly text: ReactNode;
  /** Extra content, for example a field to fill in first. */
  readonly children?: ReactNode;
  /** Whether the action can be confirmed. */
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
          // eslint-disable-next-line jsx-a11y/no-autofocus -- Enter in a new dialog must not delete
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

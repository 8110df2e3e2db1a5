import { type ReactNode, useRef } from 'react';
import { Alert } from '../Alert';
import { Button } from '../Button';
import { Dialog, DialogText } from './Dialog';

interface ConfirmProps {
  readonly open: boolean;
  readonly title: string;
  readonly text: ReactNode;
  /** Extra content, for example a field to fill in first. */
  readonly children?: ReactNode;
  /** The label of the button that confirms. */
  readonly action?: string;
  /** The label of the button that keeps everything as it is. */
  readonly cancel?: string;
  /** Whether the action can be confirmed. */
  readonly ready?: boolean;
  readonly pending: boolean;
  /** Why the last attempt failed. */
  readonly failure?: string | undefined;
  readonly onConfirm: () => void;
  readonly onClose: () => void;
}

/** Asks before something is deleted for good. */
export function Confirm({
  open,
  title,
  text,
  children,
  action = 'Delete for good',
  cancel = 'Keep it',
  ready = true,
  pending,
  failure,
  onConfirm,
  onClose,
}: ConfirmProps) {
  // Enter in a new dialog must not delete.
  const keep = useRef<HTMLButtonElement>(null);
  return (
    <Dialog
      isAlert
      open={open}
      onClose={onClose}
      title={title}
      initialFocus={keep}
      actions={
        <>
          <Button ref={keep} onClick={onClose} disabled={pending}>
            {cancel}
          </Button>
          <Button
            tone="error"
            variant="contained"
            disabled={!ready}
            loading={pending}
            onClick={onConfirm}
          >
            {action}
          </Button>
        </>
      }
    >
      <DialogText>{text}</DialogText>
      {children}
      {failure !== undefined && <Alert severity="error">{failure}</Alert>}
    </Dialog>
  );
}

import type { ReactNode } from 'react';
import { ApiError, describeError, isTransportDown } from '../api/errors';
import { chooseTransport } from '../api/transport';
import { TRANSPORT_LABELS, TRANSPORTS } from '../transports';
import { Alert } from './Alert';
import { Button } from './Button';
import { Spinner } from './Spinner';

/** A loading indicator, announced to screen readers. */
export function Loading({ label }: { readonly label: string }) {
  return (
    <div role="status" className="loading">
      <Spinner size={28} />
      <span>{label}</span>
    </div>
  );
}

interface FailureProps {
  /** What failed, for example "Couldn’t load your pictures". */
  readonly title: string;
  readonly error: unknown;
  readonly onRetry: () => void;
}

/**
 * A failure and what to do about it. If the transport is down, it offers the others; switching
 * fetches the data again (see `queryClient.ts`).
 */
export function Failure({ title, error, onRetry }: FailureProps) {
  const down =
    error instanceof ApiError && error.status !== 0 && isTransportDown(error)
      ? error.transport
      : undefined;
  const { requestId, traceId } = error instanceof ApiError ? error : { requestId: '', traceId: '' };
  return (
    <Alert severity="error" title={title} className="failure">
      <p>{describeError(error)}</p>
      {down !== undefined && <p>The other transports reach the same service.</p>}
      <div className="failure-actions">
        <Button size="small" variant="outlined" tone="inherit" onClick={onRetry}>
          Try again
        </Button>
        {down !== undefined &&
          TRANSPORTS.filter((transport) => transport !== down).map((transport) => (
            <Button
              key={transport}
              size="small"
              variant="outlined"
              tone="inherit"
              onClick={() => chooseTransport(transport)}
            >
              Switch to {TRANSPORT_LABELS[transport]}
            </Button>
          ))}
      </div>
      {requestId !== '' && (
        <p className="caption quiet">
          Request {requestId}
          {traceId !== '' && `, trace ${traceId}`}
        </p>
      )}
    </Alert>
  );
}

interface EmptyProps {
  readonly icon: ReactNode;
  readonly title: string;
  readonly children?: ReactNode;
  readonly action?: ReactNode;
  /** The heading level: 1 if this is the whole page. */
  readonly level?: 1 | 2;
}

/** An empty state with an explanation and an optional action. */
export function Empty({ icon, title, children, action, level = 2 }: EmptyProps) {
  const Heading = level === 1 ? 'h1' : 'h2';
  return (
    <div className="empty">
      <div className="empty-icon">{icon}</div>
      <Heading className="h2">{title}</Heading>
      {children !== undefined && <p className="quiet">{children}</p>}
      {action !== undefined && <div className="empty-action">{action}</div>}
    </div>
  );
}

import { ApiError, describeError, isTransportDown } from '../api/errors';
import { chooseTransport } from '../api/transport';
import { TRANSPORT_LABELS, TRANSPORTS } from '../lib/transports';
import { Alert } from '../ui/Alert';
import { Button } from '../ui/Button';
import styles from './Failure.module.css';

interface FailureProps {
  /** What failed, for example "Couldn’t load your pictures". */
  readonly title: string;
  readonly error: unknown;
  readonly onRetry: () => void;
}

/**
 * A failure and what to do about it. If the transport is down, it offers the others; switching
 * fetches the data again (see `app/queryClient.ts`).
 */
export function Failure({ title, error, onRetry }: FailureProps) {
  const down =
    error instanceof ApiError && error.status !== 0 && isTransportDown(error)
      ? error.transport
      : undefined;
  const { requestId, traceId } = error instanceof ApiError ? error : { requestId: '', traceId: '' };
  return (
    <Alert severity="error" title={title} className={styles.failure}>
      <p>{describeError(error)}</p>
      {down !== undefined && <p>The other transports reach the same service.</p>}
      <div className={styles.actions}>
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

import Alert from '@mui/material/Alert';
import AlertTitle from '@mui/material/AlertTitle';
import Box from '@mui/material/Box';
import Button from '@mui/material/Button';
import CircularProgress from '@mui/material/CircularProgress';
import Stack from '@mui/material/Stack';
import Typography from '@mui/material/Typography';
import type { ReactNode } from 'react';
import { ApiError, describeError, isTransportDown } from '../api/errors';
import { chooseTransport } from '../api/transport';
import { TRANSPORT_LABELS, TRANSPORTS } from '../transports';

/** Something is on its way; says so to screen readers too. */
export function Loading({ label }: { readonly label: string }) {
  return (
    <Stack role="status" sx={{ alignItems: 'center', py: 8, gap: 2 }}>
      <CircularProgress size={28} aria-hidden="true" />
      <Typography color="textSecondary">{label}</Typography>
    </Stack>
  );
}

interface FailureProps {
  /** What could not be done, for example "Your pictures can’t be shown". */
  readonly title: string;
  readonly error: unknown;
  readonly onRetry: () => void;
}

/**
 * A failure, with what to do about it. Where it is the transport that is down, the others are
 * offered: whoever shows this fetches anew when the transport changes.
 */
export function Failure({ title, error, onRetry }: FailureProps) {
  const down =
    error instanceof ApiError && error.status !== 0 && isTransportDown(error)
      ? error.transport
      : undefined;
  const { requestId, traceId } = error instanceof ApiError ? error : { requestId: '', traceId: '' };
  return (
    <Alert severity="error" variant="outlined" sx={{ alignItems: 'flex-start', my: 2 }}>
      <AlertTitle>{title}</AlertTitle>
      <Typography variant="body2">{describeError(error)}</Typography>
      {down !== undefined && (
        <Typography variant="body2">The other transports reach the same service.</Typography>
      )}
      <Stack direction="row" sx={{ flexWrap: 'wrap', gap: 1, mt: 1.5 }}>
        <Button size="small" variant="outlined" color="inherit" onClick={onRetry}>
          Try again
        </Button>
        {down !== undefined &&
          TRANSPORTS.filter((transport) => transport !== down).map((transport) => (
            <Button
              key={transport}
              size="small"
              variant="outlined"
              color="inherit"
              onClick={() => chooseTransport(transport)}
            >
              Switch to {TRANSPORT_LABELS[transport]}
            </Button>
          ))}
      </Stack>
      {requestId !== '' && (
        <Typography variant="caption" component="p" sx={{ mt: 1, color: 'text.secondary' }}>
          Request {requestId}
          {traceId !== '' && `, trace ${traceId}`}
        </Typography>
      )}
    </Alert>
  );
}

interface EmptyProps {
  readonly icon: ReactNode;
  readonly title: string;
  readonly children?: ReactNode;
  readonly action?: ReactNode;
  /** 1 where this is all that the page has to say. */
  readonly level?: 1 | 2;
}

/** There is nothing here yet, and how to change that. */
export function Empty({ icon, title, children, action, level = 2 }: EmptyProps) {
  return (
    <Stack sx={{ alignItems: 'center', textAlign: 'center', py: { xs: 6, sm: 10 }, px: 2, gap: 1 }}>
      <Box
        sx={{
          display: 'grid',
          placeItems: 'center',
          width: 64,
          height: 64,
          borderRadius: '50%',
          bgcolor: 'action.hover',
          color: 'text.secondary',
          mb: 1,
          '& svg': { fontSize: 30 },
        }}
      >
        {icon}
      </Box>
      <Typography variant="h2" component={level === 1 ? 'h1' : 'h2'}>
        {title}
      </Typography>
      {children !== undefined && (
        <Typography color="textSecondary" sx={{ maxWidth: '44ch' }}>
          {children}
        </Typography>
      )}
      {action !== undefined && <Box sx={{ mt: 2 }}>{action}</Box>}
    </Stack>
  );
}

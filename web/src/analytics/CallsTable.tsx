import Box from '@mui/material/Box';
import Button from '@mui/material/Button';
import LinearProgress from '@mui/material/LinearProgress';
import Stack from '@mui/material/Stack';
import { styled } from '@mui/material/styles';
import Typography from '@mui/material/Typography';
import { useDeferredValue, useState } from 'react';
import type { LogEntry, LogFilters } from '../api/types';
import { formatMs, formatPreciseTime } from '../format';
import { MONOSPACE, RADIUS } from '../theme';
import { isTransport, TRANSPORT_LABELS } from '../transports';
import { NextIcon, PreviousIcon } from '../ui/icons';
import { Failure, Loading } from '../ui/states';
import { TransportDot } from '../ui/TransportDot';
import { visuallyHidden } from '../ui/visuallyHidden';
import { LOG_PAGE_SIZE, useLogs } from './queries';

interface CallsTableProps {
  readonly filters: LogFilters;
  /** The page says already that there is nothing to show, or that it can't be. */
  readonly hidden: boolean;
}

// Plain cells styled once from here: a styled component for each of 150 cells is time that a
// phone feels.
const Table = styled('table')(({ theme }) => ({
  width: '100%',
  borderCollapse: 'collapse',
  fontSize: '0.875rem',
  fontVariantNumeric: 'tabular-nums',
  '& th, & td': {
    padding: '7px 20px',
    textAlign: 'left',
    whiteSpace: 'nowrap',
    borderBottom: `1px solid ${theme.vars.palette.divider}`,
  },
  '& th': { fontWeight: 600 },
  '& tbody tr:hover': { backgroundColor: theme.vars.palette.action.hover },
  '& .number': { textAlign: 'right' },
  '& .transport': { display: 'inline-flex', alignItems: 'center', gap: 8 },
  '& .quiet, & .trace': { color: theme.vars.palette.text.secondary },
  '& .trace': { fontFamily: MONOSPACE, fontSize: '0.75rem' },
  // On a phone the service goes without saying, so that more of each call is in view.
  [theme.breakpoints.down('sm')]: {
    fontSize: '0.8125rem',
    '& th, & td': { paddingInline: 8 },
    '& th:first-of-type, & td:first-of-type': { paddingLeft: 20 },
    '& .quiet': visuallyHidden,
  },
  '& .failed': { color: theme.vars.palette.error.main, fontWeight: 600 },
}));

/** The calls themselves, newest first, a page at a time. */
export function CallsTable({ filters, hidden }: CallsTableProps) {
  // The cursors of the pages so far; the last one is the page shown.
  const [cursors, setCursors] = useState<readonly string[]>(['']);
  const logs = useLogs(filters, cursors.at(-1) ?? '');
  const page = useDeferredValue(logs.data);
  if (hidden) return null;

  const turning = logs.isPlaceholderData || page !== logs.data;
  const next = page?.nextCursor ?? '';
  const first = (cursors.length - 1) * LOG_PAGE_SIZE + 1;
  const shown = page?.logs.length ?? 0;
  return (
    <Box
      sx={{
        border: 1,
        borderColor: 'divider',
        borderRadius: RADIUS.card,
        bgcolor: 'background.paper',
        overflow: 'hidden',
      }}
    >
      <Typography id="calls-title" variant="h2" sx={{ px: 2.5, pt: 2, pb: 1 }}>
        Calls
      </Typography>
      <Box sx={{ height: 4 }}>
        {logs.isFetching && <LinearProgress aria-label="Loading calls" sx={{ height: 3 }} />}
      </Box>
      {logs.isError && (
        <Box sx={{ px: 2.5 }}>
          <Failure
            title="The calls can’t be shown"
            error={logs.error}
            onRetry={() => void logs.refetch()}
          />
        </Box>
      )}
      {page === undefined && !logs.isError && <Loading label="Loading calls" />}
      {shown > 0 && (
        // It scrolls sideways on a narrow screen, so it has to be reachable by keyboard.
        <Box tabIndex={0} role="region" aria-labelledby="calls-title" sx={{ overflowX: 'auto' }}>
          <Table>
            <thead>
              <tr>
                <th scope="col">Time</th>
                <th scope="col">Transport</th>
                <th scope="col">Operation</th>
                <th scope="col" className="number">
                  Status
                </th>
                <th scope="col" className="number">
                  Duration
                </th>
                <th scope="col">Trace</th>
              </tr>
            </thead>
            <tbody>
              {page?.logs.map((entry) => (
                <CallRow key={entry.id} entry={entry} />
              ))}
            </tbody>
          </Table>
        </Box>
      )}
      <Stack
        direction="row"
        sx={{ alignItems: 'center', justifyContent: 'flex-end', gap: 1, px: 2, py: 1.25 }}
      >
        <Typography variant="body2" color="textSecondary" role="status" sx={{ mr: 1 }}>
          {shown > 0 && `${first}–${first + shown - 1}`}
        </Typography>
        <Button
          size="small"
          startIcon={<PreviousIcon />}
          disabled={cursors.length === 1 || turning}
          onClick={() => setCursors(cursors.slice(0, -1))}
        >
          Newer
        </Button>
        <Button
          size="small"
          endIcon={<NextIcon />}
          disabled={next === '' || turning}
          onClick={() => setCursors([...cursors, next])}
        >
          Older
        </Button>
      </Stack>
    </Box>
  );
}

function CallRow({ entry }: { readonly entry: LogEntry }) {
  const { transport, service, method, status, duration_ms, trace_id, at } = entry;
  return (
    <tr>
      <td>
        <time dateTime={at}>{formatPreciseTime(new Date(at))}</time>
      </td>
      <td>
        <span className="transport">
          <TransportDot transport={transport} />
          {isTransport(transport) ? TRANSPORT_LABELS[transport] : transport}
        </span>
      </td>
      <td>
        <span className="quiet">{service}/</span>
        {method}
      </td>
      <td className={status >= 400 ? 'number failed' : 'number'}>{status === 0 ? '–' : status}</td>
      <td className="number">{formatMs(duration_ms)}</td>
      <td className="trace" title={trace_id}>
        {trace_id === '' ? '–' : trace_id.slice(0, 16)}
      </td>
    </tr>
  );
}

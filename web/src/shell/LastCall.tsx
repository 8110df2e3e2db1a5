import Box from '@mui/material/Box';
import Button from '@mui/material/Button';
import Divider from '@mui/material/Divider';
import IconButton from '@mui/material/IconButton';
import Popover from '@mui/material/Popover';
import Stack from '@mui/material/Stack';
import { styled } from '@mui/material/styles';
import Tooltip from '@mui/material/Tooltip';
import Typography from '@mui/material/Typography';
import { useState } from 'react';
import { type CallRecord, callsStore, medianMs } from '../api/calls';
import { TRANSPORT_LABELS, TRANSPORTS } from '../transports';
import { formatMs } from '../format';
import { useStore } from '../store';
import { MONOSPACE, RADIUS } from '../theme';
import { CopyIcon } from '../ui/icons';
import { notify } from '../ui/notices';
import { TransportDot } from '../ui/TransportDot';
import { visuallyHidden } from '../ui/visuallyHidden';

const Hidden = styled('span')(visuallyHidden);

/** How many calls the list shows. */
const SHOWN = 8;

/** How long the last call took and its trace; opens the comparison of the transports. */
export function LastCall() {
  const calls = useStore(callsStore);
  const [anchor, setAnchor] = useState<HTMLElement | null>(null);
  const last = calls[0];
  if (last === undefined) return null;
  return (
    <>
      <Button
        color="inherit"
        size="small"
        aria-haspopup="dialog"
        data-testid="last-call"
        onClick={(event) => setAnchor(event.currentTarget)}
        sx={{
          minHeight: 32,
          px: 1,
          color: 'text.secondary',
          fontWeight: 500,
          fontVariantNumeric: 'tabular-nums',
        }}
      >
        <TransportDot transport={last.transport} />
        <Box component="span" sx={{ ml: 1 }}>
          <Hidden>Last call: {TRANSPORT_LABELS[last.transport]},</Hidden>{' '}
          {isFailure(last) ? statusOf(last) : formatMs(last.durationMs)}
          {last.traceId !== '' && (
            <>
              <Hidden>, trace</Hidden>{' '}
              <Box
                component="span"
                sx={{
                  ml: 0.5,
                  fontFamily: MONOSPACE,
                  fontSize: '0.75rem',
                  // On a narrow screen it is in the list that this opens.
                  display: { xs: 'none', lg: 'inline' },
                }}
              >
                {last.traceId.slice(0, 8)}
              </Box>
            </>
          )}
        </Box>
      </Button>
      <Popover
        open={anchor !== null}
        anchorEl={anchor}
        onClose={() => setAnchor(null)}
        anchorOrigin={{ vertical: 'bottom', horizontal: 'right' }}
        transformOrigin={{ vertical: 'top', horizontal: 'right' }}
        slotProps={{
          paper: {
            role: 'dialog',
            'aria-label': 'Recent calls',
            sx: {
              width: 'min(420px, calc(100vw - 32px))',
              mt: 0.5,
              border: 1,
              borderColor: 'divider',
              borderRadius: RADIUS.card,
              boxShadow: '0 8px 28px rgb(0 0 0 / 0.14)',
            },
          },
        }}
      >
        <Comparison calls={calls} />
        <Divider />
        <Stack component="ul" aria-label="Latest calls" sx={{ listStyle: 'none', m: 0, p: 1 }}>
          {calls.slice(0, SHOWN).map((call) => (
            <CallRow key={call.id} call={call} />
          ))}
        </Stack>
      </Popover>
    </>
  );
}

/** This visit's median by transport. */
function Comparison({ calls }: { readonly calls: readonly CallRecord[] }) {
  return (
    <Stack component="dl" direction="row" sx={{ m: 0, p: 2, gap: 2 }}>
      {TRANSPORTS.map((transport) => {
        const own = calls.filter((call) => call.transport === transport && !isFailure(call));
        const median = medianMs(own);
        return (
          <Box key={transport} sx={{ flex: 1 }}>
            <Typography
              component="dt"
              variant="caption"
              color="textSecondary"
              sx={{ display: 'flex', alignItems: 'center', gap: 0.75 }}
            >
              <TransportDot transport={transport} />
              {TRANSPORT_LABELS[transport]}
            </Typography>
            <Typography component="dd" variant="h2" sx={{ m: 0, mt: 0.5 }}>
              {median === undefined ? '–' : formatMs(median)}
            </Typography>
            <Typography component="dd" variant="caption" color="textSecondary" sx={{ m: 0 }}>
              {own.length === 0 ? 'no calls yet' : `median of ${own.length}`}
            </Typography>
          </Box>
        );
      })}
    </Stack>
  );
}

function CallRow({ call }: { readonly call: CallRecord }) {
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(call.traceId);
      notify('Trace id copied.');
    } catch {
      notify(`The browser doesn’t allow copying here: ${call.traceId}`, 'info');
    }
  };
  return (
    <Stack
      component="li"
      direction="row"
      sx={{ alignItems: 'center', gap: 1, px: 1, minHeight: 40 }}
    >
      <TransportDot transport={call.transport} />
      <Box sx={{ flex: 1, minWidth: 0 }}>
        <Typography variant="body2" noWrap title={call.operation}>
          {shorten(call.operation)}
        </Typography>
        {call.traceId !== '' && (
          <Typography
            variant="caption"
            component="p"
            noWrap
            color="textSecondary"
            sx={{ fontFamily: MONOSPACE, fontSize: '0.6875rem' }}
          >
            {call.traceId}
          </Typography>
        )}
      </Box>
      <Typography
        variant="body2"
        sx={{
          color: isFailure(call) ? 'error.main' : 'text.secondary',
          fontVariantNumeric: 'tabular-nums',
          whiteSpace: 'nowrap',
        }}
      >
        {isFailure(call) && `${statusOf(call)} · `}
        {formatMs(call.durationMs)}
      </Typography>
      {call.traceId !== '' && (
        <Tooltip title="Copy trace id">
          <IconButton size="small" aria-label="Copy trace id" onClick={() => void copy()}>
            <CopyIcon sx={{ fontSize: 16 }} />
          </IconButton>
        </Tooltip>
      )}
    </Stack>
  );
}

function isFailure(call: CallRecord): boolean {
  return call.status === 0 || call.status >= 400;
}

function statusOf(call: CallRecord): string {
  return call.status === 0 ? 'no answer' : String(call.status);
}

/** Ids in paths are cut: `GET /pictures/0198c2…`. */
function shorten(operation: string): string {
  return operation.replace(/([0-9a-f]{6})[0-9a-f]{2}-[0-9a-f-]{27}/g, '$1…');
}

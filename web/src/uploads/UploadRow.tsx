import Box from '@mui/material/Box';
import IconButton from '@mui/material/IconButton';
import LinearProgress from '@mui/material/LinearProgress';
import Stack from '@mui/material/Stack';
import TextField from '@mui/material/TextField';
import Tooltip from '@mui/material/Tooltip';
import Typography from '@mui/material/Typography';
import type { ReactNode } from 'react';
import { formatBytes } from '../format';
import { typeName } from '../pictures/image';
import { BlobImage } from '../ui/BlobImage';
import { AlertIcon, BrokenIcon, CheckIcon, CloseIcon, RetryIcon } from '../ui/icons';
import type { Upload } from './UploadQueue';
import { uploads } from './uploads';
import { RADIUS } from '../theme';

/** One picture on its way: preview, title, how it stands, and what can be done about it. */
export function UploadRow({ upload }: { readonly upload: Upload }) {
  const { id, file, title, state } = upload;
  const underWay = state.kind === 'waiting' || state.kind === 'sending';
  const refused = state.kind === 'refused';
  const named = refused ? file.name : title;
  return (
    <Stack
      component="li"
      direction="row"
      sx={{
        gap: 2,
        p: 1.5,
        border: 1,
        borderColor: 'divider',
        borderRadius: RADIUS.card,
        alignItems: 'center',
      }}
    >
      <Preview upload={upload} />
      <Box sx={{ flex: 1, minWidth: 0 }}>
        {refused || upload.tried ? (
          <Typography noWrap title={named} sx={{ fontWeight: 550 }}>
            {named}
          </Typography>
        ) : (
          <TextField
            size="small"
            label="Title"
            value={title}
            error={title.trim() === ''}
            helperText={title.trim() === '' ? 'A title is needed.' : undefined}
            onChange={(event) => uploads.setTitle(id, event.target.value)}
          />
        )}
        <Progress upload={upload} />
      </Box>
      <Stack direction="row">
        {(state.kind === 'failed' || state.kind === 'cancelled') && (
          <Action label={`Retry ${named}`} onClick={() => uploads.retry(id)}>
            <RetryIcon />
          </Action>
        )}
        {underWay ? (
          <Action label={`Cancel ${named}`} onClick={() => uploads.cancel(id)}>
            <CloseIcon />
          </Action>
        ) : (
          <Action label={`Remove ${named} from the list`} onClick={() => uploads.remove(id)}>
            <CloseIcon />
          </Action>
        )}
      </Stack>
    </Stack>
  );
}

interface ActionProps {
  readonly label: string;
  readonly onClick: () => void;
  readonly children: ReactNode;
}

function Action({ label, onClick, children }: ActionProps) {
  return (
    <Tooltip title={label}>
      <IconButton aria-label={label} onClick={onClick}>
        {children}
      </IconButton>
    </Tooltip>
  );
}

function Preview({ upload: { file, type, state } }: { readonly upload: Upload }) {
  return (
    <Box
      sx={{
        position: 'relative',
        flexShrink: 0,
        display: 'grid',
        placeItems: 'center',
        width: 64,
        height: 64,
        borderRadius: RADIUS.small,
        overflow: 'hidden',
        bgcolor: 'action.hover',
        color: 'text.secondary',
      }}
    >
      {type === undefined ? (
        state.kind === 'refused' && <BrokenIcon />
      ) : (
        <BlobImage blob={file} alt="" fit="cover" />
      )}
    </Box>
  );
}

function Progress({ upload }: { readonly upload: Upload }) {
  const { file, title, type, state } = upload;
  const size = `${type === undefined ? '' : `${typeName(type)}, `}${formatBytes(file.size)}`;
  switch (state.kind) {
    case 'checking':
      return <Line>Checking…</Line>;
    case 'ready':
      return <Line>{size}</Line>;
    case 'waiting':
      return <Line>{size} · waiting</Line>;
    case 'sending': {
      const storing = state.progress >= 1;
      const percent = Math.floor(state.progress * 100);
      return (
        <>
          <LinearProgress
            aria-label={`Uploading ${title}`}
            variant={storing ? 'indeterminate' : 'determinate'}
            value={percent}
            sx={{ mt: 1, mb: 0.5 }}
          />
          <Line>{storing ? 'Storing…' : `${size} · ${percent} %`}</Line>
        </>
      );
    }
    case 'stored':
      return <Line icon={<CheckIcon color="success" />}>Uploaded · {size}</Line>;
    case 'cancelled':
      return <Line>Cancelled</Line>;
    case 'refused':
    case 'failed':
      return <Line icon={<AlertIcon color="error" />}>{state.reason}</Line>;
  }
}

function Line({ icon, children }: { readonly icon?: ReactNode; readonly children: ReactNode }) {
  return (
    <Typography
      variant="body2"
      component="p"
      sx={{
        display: 'flex',
        alignItems: 'flex-start',
        gap: 0.75,
        mt: 0.5,
        color: 'text.secondary',
      }}
    >
      {icon}
      <span>{children}</span>
    </Typography>
  );
}

import type { ReactNode } from 'react';
import { formatBytes } from '../lib/format';
import { typeName } from '../pictures/image';
import { BlobImage } from '../ui/BlobImage';
import { IconButton } from '../ui/IconButton';
import { AlertIcon, BrokenIcon, CheckIcon, CloseIcon, RetryIcon } from '../ui/icons';
import { ProgressBar } from '../ui/ProgressBar';
import { TextField } from '../ui/TextField';
import type { Upload } from './UploadQueue';
import { uploads } from './uploads';

const CANCELLED_LATE = 'Cancelled while being stored. It may still appear in your pictures.';

/** One upload: its preview, title, state and actions. */
export function UploadRow({ upload }: { readonly upload: Upload }) {
  const { id, file, title, state } = upload;
  const underWay = state.kind === 'waiting' || state.kind === 'sending';
  const refused = state.kind === 'refused';
  const named = refused ? file.name : title;
  return (
    <li className="card upload-row">
      <Preview upload={upload} />
      <div className="upload-text">
        {refused || upload.tried ? (
          <p className="ellipsis" title={named}>
            {named}
          </p>
        ) : (
          <TextField
            id={`upload-title-${id}`}
            size="small"
            label="Title"
            value={title}
            error={title.trim() === '' ? 'Enter a title.' : undefined}
            onChange={(event) => uploads.setTitle(id, event.target.value)}
          />
        )}
        <Progress upload={upload} />
      </div>
      <div className="upload-actions">
        {(state.kind === 'failed' || state.kind === 'cancelled') && (
          <IconButton label={`Retry ${named}`} onClick={() => uploads.retry(id)}>
            <RetryIcon />
          </IconButton>
        )}
        {underWay ? (
          <IconButton label={`Cancel ${named}`} onClick={() => uploads.cancel(id)}>
            <CloseIcon />
          </IconButton>
        ) : (
          <IconButton label={`Remove ${named} from the list`} onClick={() => uploads.remove(id)}>
            <CloseIcon />
          </IconButton>
        )}
      </div>
    </li>
  );
}

function Preview({ upload: { file, type, state } }: { readonly upload: Upload }) {
  return (
    <div className="upload-preview">
      {type === undefined ? (
        state.kind === 'refused' && <BrokenIcon />
      ) : (
        <BlobImage blob={file} alt="" />
      )}
    </div>
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
      const { progress } = state;
      const storing = progress >= 1;
      return (
        <>
          <ProgressBar label={`Uploading ${title}`} {...(!storing && { progress })} />
          <Line>{storing ? 'Storing…' : `${size} · ${Math.floor(progress * 100)} %`}</Line>
        </>
      );
    }
    case 'stored':
      return <Line icon={<CheckIcon className="stored" />}>Uploaded · {size}</Line>;
    case 'cancelled':
      return <Line>{state.storing ? CANCELLED_LATE : 'Cancelled'}</Line>;
    case 'refused':
    case 'failed':
      return <Line icon={<AlertIcon className="failed" />}>{state.reason}</Line>;
  }
}

function Line({ icon, children }: { readonly icon?: ReactNode; readonly children: ReactNode }) {
  return (
    <p className="upload-line">
      {icon}
      <span>{children}</span>
    </p>
  );
}

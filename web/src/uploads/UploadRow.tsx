import { type ReactNode, useRef, useState } from 'react';
import { formatBytes } from '../lib/format';
import { LIMITS } from '../lib/limits';
import { useStore } from '../lib/useStore';
import { typeName } from '../pictures/image';
import { BlobImage } from '../ui/BlobImage';
import { Button } from '../ui/Button';
import { IconButton } from '../ui/IconButton';
import { AlertIcon, BrokenIcon, CheckIcon, CloseIcon, EditIcon, RetryIcon } from '../ui/icons';
import { ProgressBar } from '../ui/ProgressBar';
import { TextField } from '../ui/TextField';
import { isActive, type Upload, type UploadItem } from './upload';
import { uploads } from './uploads';
import styles from './UploadTray.module.css';

const CANCELLED_LATE = 'Cancelled while being stored. It may still appear in your pictures.';

interface UploadRowProps {
  readonly item: UploadItem;
  readonly onRemove: (id: number) => void;
}

/** One upload: its preview, title, state and actions. */
export function UploadRow({ item, onRemove }: UploadRowProps) {
  const upload = useStore(item.store);
  const { id, name, title, state } = upload;
  const refused = state.kind === 'refused' || state.kind === 'checking';
  const named = refused ? name : title;
  return (
    <li className={styles.row} data-upload={id}>
      <Preview upload={upload} />
      <div className={styles.text}>
        {refused ? (
          <p className="ellipsis" title={name}>
            {name}
          </p>
        ) : (
          <Title id={id} title={title} />
        )}
        <State item={item} upload={upload} />
        {upload.note !== undefined && <Line>{upload.note}</Line>}
        {state.kind === 'duplicate' && (
          <Button size="small" onClick={() => uploads.uploadAnyway(id)}>
            Upload anyway
          </Button>
        )}
      </div>
      <div className={styles.rowActions}>
        {(state.kind === 'failed' || state.kind === 'cancelled') && (
          <IconButton label={`Retry ${named}`} hint="right" onClick={() => uploads.retry(id)}>
            <RetryIcon />
          </IconButton>
        )}
        {isActive(upload) ? (
          <IconButton label={`Cancel ${named}`} hint="right" onClick={() => uploads.cancel(id)}>
            <CloseIcon />
          </IconButton>
        ) : (
          <IconButton
            label={`Remove ${named} from the list`}
            hint="right"
            onClick={() => onRemove(id)}
          >
            <CloseIcon />
          </IconButton>
        )}
      </div>
    </li>
  );
}

/** The title, with a button to change it. Enter and leaving the field keep it, Escape doesn't. */
function Title({ id, title }: { readonly id: number; readonly title: string }) {
  const [typed, setTyped] = useState<string>();
  const edit = useRef<HTMLButtonElement>(null);
  const end = (keep: boolean, refocus: boolean) => {
    if (keep && typed !== undefined) uploads.setTitle(id, typed);
    setTyped(undefined);
    if (refocus) requestAnimationFrame(() => edit.current?.focus());
  };
  if (typed === undefined) {
    return (
      <div className={styles.title}>
        <p className="ellipsis" title={title}>
          {title}
        </p>
        <IconButton
          ref={edit}
          size="small"
          hint="none"
          label={`Change the title ${title}`}
          onClick={() => setTyped(title)}
        >
          <EditIcon size={16} />
        </IconButton>
      </div>
    );
  }
  return (
    <TextField
      id={`upload-title-${id}`}
      size="small"
      label="Title"
      // The user has just asked for this field.
      // eslint-disable-next-line jsx-a11y/no-autofocus -- see above
      autoFocus
      maxLength={LIMITS.titleLength}
      value={typed}
      onChange={(event) => setTyped(event.target.value)}
      onBlur={() => end(true, false)}
      onKeyDown={(event) => {
        if (event.key !== 'Enter' && event.key !== 'Escape') return;
        event.stopPropagation();
        end(event.key === 'Enter', true);
      }}
    />
  );
}

function Preview({ upload: { file, type, state } }: { readonly upload: Upload }) {
  return (
    <div className={styles.preview}>
      {type === undefined ? (
        state.kind === 'refused' && <BrokenIcon />
      ) : (
        <BlobImage blob={file} alt="" />
      )}
    </div>
  );
}

function State({ item, upload }: { readonly item: UploadItem; readonly upload: Upload }) {
  const { file, type, state } = upload;
  const size = `${type === undefined ? '' : `${typeName(type)}, `}${formatBytes(file.size)}`;
  switch (state.kind) {
    case 'checking':
      return <Line>Checking…</Line>;
    case 'waiting':
      return <Line>{size} · waiting</Line>;
    case 'sending':
      if (!state.connected) return <Line>{size} · waiting for a connection</Line>;
      return <Progress item={item} upload={upload} size={size} />;
    case 'stored':
      return <Line icon={<CheckIcon className={styles.good} />}>Uploaded · {size}</Line>;
    case 'cancelled':
      return <Line>{state.storing ? CANCELLED_LATE : 'Cancelled'}</Line>;
    case 'duplicate':
      return <Line>Already uploaded as “{state.title}”.</Line>;
    case 'refused':
    case 'failed':
      return <Line icon={<AlertIcon className={styles.bad} />}>{state.reason}</Line>;
  }
}

interface ProgressProps {
  readonly item: UploadItem;
  readonly upload: Upload;
  readonly size: string;
}

/** The only part of a row that rerenders as bytes are sent. */
function Progress({ item, upload: { title, file }, size }: ProgressProps) {
  const progress = useStore(item.sent) / file.size;
  const storing = progress >= 1;
  return (
    <>
      <ProgressBar label={`Uploading ${title}`} {...(!storing && { progress })} />
      <Line>{storing ? 'Storing…' : `${size} · ${Math.floor(progress * 100)} %`}</Line>
    </>
  );
}

function Line({ icon, children }: { readonly icon?: ReactNode; readonly children: ReactNode }) {
  return (
    <p className={styles.line}>
      {icon}
      <span>{children}</span>
    </p>
  );
}

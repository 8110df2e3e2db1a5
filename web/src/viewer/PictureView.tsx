import { type ReactNode, useEffect, useRef, useState } from 'react';
import { useLocation, useNavigate, useParams } from 'react-router';
import { ApiError } from '../api/errors';
import { formatBytes, formatDateTime } from '../lib/format';
import { BlobImage } from '../ui/BlobImage';
import { Dialog } from '@base-ui/react/dialog';
import { IconButton } from '../ui/IconButton';
import {
  BrokenIcon,
  CloseIcon,
  DownloadIcon,
  LinkIcon,
  NextIcon,
  PreviousIcon,
  TrashIcon,
} from '../ui/icons';
import { notify } from '../ui/notices';
import { Spinner } from '../ui/Spinner';
import { Empty } from '../ui/states';
import { Failure } from '../transports/Failure';
import { useDocumentTitle } from '../ui/useDocumentTitle';
import { DeletePictureDialog } from './DeletePictureDialog';
import { fileName, typeName } from '../pictures/image';
import { usePicture, usePictures } from '../pictures/queries';
import type { LoadedPicture, PictureInfo } from '../pictures/requests';

/** A full-size picture in a dialog over the grid, with a URL of its own. */
export function PictureView() {
  const { pictureId = '' } = useParams();
  const navigate = useNavigate();
  const picture = usePicture(pictureId);
  const neighbours = useNeighbours(pictureId);
  const [deleting, setDeleting] = useState(false);
  // The list already has the details, so they are shown while the bytes load.
  const info = picture.data?.info ?? neighbours.current;
  useDocumentTitle(info?.title ?? 'Picture');

  const state = useLocation().state as { readonly fromGrid?: boolean } | null;
  const closing = useRef(false);
  const close = () => {
    // Navigation is asynchronous: a second Escape must not go back twice.
    if (closing.current) return;
    closing.current = true;
    // Leaves no history entry that would open the picture again.
    if (state?.fromGrid === true) void navigate(-1);
    else void navigate('/pictures', { replace: true });
  };
  const { previous, next } = neighbours;
  const show = (id: string) => void navigate(`/pictures/${id}`, { replace: true, state });

  useEffect(() => {
    if (deleting) return undefined;
    const onKey = (event: KeyboardEvent) => {
      if (event.altKey || event.ctrlKey || event.metaKey || event.shiftKey) return;
      const id = { ArrowLeft: previous, ArrowRight: next }[event.key];
      if (id !== undefined) void navigate(`/pictures/${id}`, { replace: true, state });
    };
    addEventListener('keydown', onKey);
    return () => removeEventListener('keydown', onKey);
  }, [deleting, navigate, previous, next, state]);

  return (
    <Dialog.Root open onOpenChange={(open) => !open && close()}>
      <Dialog.Portal>
        <Dialog.Popup className="view" aria-labelledby="picture-title">
          <Header title={info?.title ?? 'Picture'} info={info}>
            {picture.data !== undefined && (
              <Actions picture={picture.data} onDelete={() => setDeleting(true)} />
            )}
            <IconButton label="Close" onClick={close}>
              <CloseIcon />
            </IconButton>
          </Header>
          <div className="view-body">
            <Content id={pictureId} picture={picture} />
            {previous !== undefined && (
              <IconButton
                className="step left"
                label="Newer picture"
                hint="right"
                onClick={() => show(previous)}
              >
                <PreviousIcon />
              </IconButton>
            )}
            {next !== undefined && (
              <IconButton className="step right" label="Older picture" onClick={() => show(next)}>
                <NextIcon />
              </IconButton>
            )}
          </div>
          {picture.data !== undefined && (
            <DeletePictureDialog
              open={deleting}
              picture={picture.data.info}
              onClose={() => setDeleting(false)}
              onDeleted={close}
            />
          )}
        </Dialog.Popup>
      </Dialog.Portal>
    </Dialog.Root>
  );
}

/** A picture's entry in the list and its neighbours, as far as the list has loaded. */
function useNeighbours(id: string): { current?: PictureInfo; previous?: string; next?: string } {
  const { data } = usePictures();
  const pictures = data?.pages.flatMap((page) => page.pictures) ?? [];
  const index = pictures.findIndex((picture) => picture.id === id);
  if (index < 0) return {};
  const [current, previous, next] = [pictures[index], pictures[index - 1], pictures[index + 1]];
  return {
    ...(current && { current }),
    ...(previous && { previous: previous.id }),
    ...(next && { next: next.id }),
  };
}

interface HeaderProps {
  readonly title: string;
  readonly info: PictureInfo | undefined;
  readonly children: ReactNode;
}

function Header({ title, info, children }: HeaderProps) {
  return (
    <header className="view-head">
      <h2 id="picture-title" className="h2 ellipsis" title={title}>
        {title}
      </h2>
      <div className="view-actions">{children}</div>
      {info !== undefined && <Details info={info} />}
    </header>
  );
}

function Details({ info }: { readonly info: PictureInfo }) {
  const { content_type, size_bytes, width, height, created_at } = info;
  const created = new Date(created_at);
  return (
    <p className="small quiet view-details">
      <time dateTime={created_at}>{formatDateTime(created)}</time>
      {` · ${formatBytes(size_bytes)} · ${typeName(content_type)} · ${width} × ${height}`}
    </p>
  );
}

interface ActionsProps {
  readonly picture: LoadedPicture;
  readonly onDelete: () => void;
}

function Actions({ picture: { info, blob }, onDelete }: ActionsProps) {
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(`${location.origin}/pictures/${info.id}`);
      notify('Link copied. Only you can open it, after logging in.');
    } catch {
      notify('Your browser blocked copying. Copy the link from the address bar.', {
        severity: 'info',
      });
    }
  };
  const download = () => {
    const url = URL.createObjectURL(blob);
    const anchor = document.createElement('a');
    anchor.href = url;
    anchor.download = fileName(info.title, info.content_type);
    anchor.click();
    // Some browsers read the URL only after the click has been handled.
    setTimeout(() => URL.revokeObjectURL(url), 10_000);
  };
  return (
    <>
      <IconButton label="Copy link" onClick={() => void copy()}>
        <LinkIcon />
      </IconButton>
      <IconButton label="Download" onClick={download}>
        <DownloadIcon />
      </IconButton>
      <IconButton label="Delete" onClick={onDelete}>
        <TrashIcon />
      </IconButton>
    </>
  );
}

function Content({
  id,
  picture,
}: {
  readonly id: string;
  readonly picture: ReturnType<typeof usePicture>;
}) {
  const [undecodable, setUndecodable] = useState<string>();
  if (picture.data !== undefined) {
    if (undecodable === id) {
      return (
        <Empty icon={<BrokenIcon size={30} />} title="This browser can’t show this picture">
          It is stored unchanged. Download it to open it in another app.
        </Empty>
      );
    }
    return (
      <div className="view-picture">
        <BlobImage
          key={id}
          blob={picture.data.blob}
          alt={picture.data.info.title}
          fit="contain"
          onError={() => setUndecodable(id)}
        />
      </div>
    );
  }
  if (picture.isError) {
    const { error } = picture;
    // 400: the URL contains something that isn't a picture id.
    if (error instanceof ApiError && (error.status === 404 || error.status === 400)) {
      return (
        <Empty icon={<BrokenIcon size={30} />} title="Picture not found">
          It may have been deleted, or it may belong to someone else.
        </Empty>
      );
    }
    return (
      <div className="view-failure">
        <Failure
          title="Couldn’t load the picture"
          error={error}
          onRetry={() => void picture.refetch()}
        />
      </div>
    );
  }
  return (
    <div role="status" className="view-loading">
      <Spinner label="Loading the picture" />
    </div>
  );
}

import Box from '@mui/material/Box';
import CircularProgress from '@mui/material/CircularProgress';
import Dialog from '@mui/material/Dialog';
import IconButton from '@mui/material/IconButton';
import Stack from '@mui/material/Stack';
import { useTheme } from '@mui/material/styles';
import Tooltip from '@mui/material/Tooltip';
import Typography from '@mui/material/Typography';
import useMediaQuery from '@mui/material/useMediaQuery';
import { type ReactNode, useEffect, useState } from 'react';
import { useNavigate, useParams } from 'react-router';
import { ApiError } from '../api/errors';
import { formatBytes, formatDateTime } from '../format';
import { BlobImage } from '../ui/BlobImage';
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
import { Empty, Failure } from '../ui/states';
import { useDocumentTitle } from '../ui/useDocumentTitle';
import { DeletePictureDialog } from './DeletePictureDialog';
import { fileName, typeName } from './image';
import { type LoadedPicture, type PictureInfo, usePicture, usePictures } from './queries';

/** One picture, large, over the grid; its address opens it directly. */
export function PictureView() {
  const { pictureId = '' } = useParams();
  const navigate = useNavigate();
  const narrow = useMediaQuery(useTheme().breakpoints.down('md'));
  const picture = usePicture(pictureId);
  const neighbours = useNeighbours(pictureId);
  const [deleting, setDeleting] = useState(false);
  // What the list knows already is shown while the bytes are on their way.
  const info = picture.data?.info ?? neighbours.current;
  useDocumentTitle(info?.title ?? 'Picture');

  const close = () => void navigate('/pictures');
  const { previous, next } = neighbours;
  const show = (id: string) => void navigate(`/pictures/${id}`, { replace: true });

  useEffect(() => {
    if (deleting) return undefined;
    const onKey = (event: KeyboardEvent) => {
      if (event.altKey || event.ctrlKey || event.metaKey || event.shiftKey) return;
      const id = { ArrowLeft: previous, ArrowRight: next }[event.key];
      if (id !== undefined) void navigate(`/pictures/${id}`, { replace: true });
    };
    addEventListener('keydown', onKey);
    return () => removeEventListener('keydown', onKey);
  }, [deleting, navigate, previous, next]);

  return (
    <Dialog
      open
      onClose={close}
      fullScreen={narrow}
      maxWidth={false}
      aria-labelledby="picture-title"
      slotProps={{
        paper: {
          sx: narrow ? {} : { width: 'min(1200px, 94vw)', height: '90vh', maxHeight: 'none' },
        },
      }}
    >
      <Header title={info?.title ?? 'Picture'} info={info}>
        {picture.data !== undefined && (
          <Actions picture={picture.data} onDelete={() => setDeleting(true)} />
        )}
        <Action label="Close" onClick={close}>
          <CloseIcon />
        </Action>
      </Header>
      <Box
        sx={{
          position: 'relative',
          flex: 1,
          minHeight: 0,
          display: 'grid',
          alignItems: 'center',
          justifyItems: 'stretch',
          bgcolor: 'background.default',
        }}
      >
        <Content id={pictureId} picture={picture} />
        {previous !== undefined && (
          <Step side="left" label="Newer picture" onClick={() => show(previous)}>
            <PreviousIcon />
          </Step>
        )}
        {next !== undefined && (
          <Step side="right" label="Older picture" onClick={() => show(next)}>
            <NextIcon />
          </Step>
        )}
      </Box>
      {picture.data !== undefined && (
        <DeletePictureDialog
          open={deleting}
          picture={picture.data.info}
          onClose={() => setDeleting(false)}
          onDeleted={close}
        />
      )}
    </Dialog>
  );
}

/** What the list shows before and after this picture, as far as the list has been loaded. */
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
    <Box
      component="header"
      sx={{
        display: 'grid',
        gridTemplateColumns: 'minmax(0, 1fr) auto',
        alignItems: 'center',
        columnGap: 2,
        pl: { xs: 2, sm: 3 },
        pr: 1.5,
        py: 1.25,
        borderBottom: 1,
        borderColor: 'divider',
      }}
    >
      <Typography id="picture-title" variant="h2" component="h2" noWrap title={title}>
        {title}
      </Typography>
      <Stack direction="row" sx={{ gridRow: { sm: 'span 2' } }}>
        {children}
      </Stack>
      {info !== undefined && (
        // Beneath the title; on a phone beneath the buttons too, which leave it too little room.
        <Box sx={{ gridColumn: { xs: '1 / -1', sm: 'auto' } }}>
          <Details info={info} />
        </Box>
      )}
    </Box>
  );
}

function Details({ info }: { readonly info: PictureInfo }) {
  const { content_type, size_bytes, width, height, created_at } = info;
  const created = new Date(created_at);
  return (
    <Typography variant="body2" color="textSecondary">
      <time dateTime={created_at}>{formatDateTime(created)}</time>
      {` · ${formatBytes(size_bytes)} · ${typeName(content_type)} · ${width} × ${height}`}
    </Typography>
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
      notify('Link copied. It opens for you alone, once logged in.');
    } catch {
      notify('The browser doesn’t allow copying here. The link is in the address bar.', 'info');
    }
  };
  const download = () => {
    const url = URL.createObjectURL(blob);
    const anchor = document.createElement('a');
    anchor.href = url;
    anchor.download = fileName(info.title, info.content_type);
    anchor.click();
    // Not at once: some browsers read the address only after this turn.
    setTimeout(() => URL.revokeObjectURL(url), 10_000);
  };
  return (
    <>
      <Action label="Copy link" onClick={() => void copy()}>
        <LinkIcon />
      </Action>
      <Action label="Download" onClick={download}>
        <DownloadIcon />
      </Action>
      <Action label="Delete" onClick={onDelete}>
        <TrashIcon />
      </Action>
    </>
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

function Step({
  side,
  label,
  onClick,
  children,
}: ActionProps & { readonly side: 'left' | 'right' }) {
  return (
    <Tooltip title={label}>
      <IconButton
        aria-label={label}
        onClick={onClick}
        sx={{
          position: 'absolute',
          top: 'calc(50% - 22px)',
          [side]: 12,
          bgcolor: 'background.paper',
          border: 1,
          borderColor: 'divider',
          '&:hover': { bgcolor: 'background.paper', borderColor: 'text.secondary' },
        }}
      >
        {children}
      </IconButton>
    </Tooltip>
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
        <Empty icon={<BrokenIcon />} title="This browser can’t show this picture">
          It is stored as it was sent. Download it to open it elsewhere.
        </Empty>
      );
    }
    return (
      <Box sx={{ position: 'absolute', inset: { xs: 0, md: 24 } }}>
        <BlobImage
          key={id}
          blob={picture.data.blob}
          alt={picture.data.info.title}
          fit="contain"
          onError={() => setUndecodable(id)}
        />
      </Box>
    );
  }
  if (picture.isError) {
    const { error } = picture;
    // 400: the address holds something that is no picture's id at all.
    if (error instanceof ApiError && (error.status === 404 || error.status === 400)) {
      return (
        <Empty icon={<BrokenIcon />} title="This picture isn’t here">
          It may have been deleted, or it belongs to someone else.
        </Empty>
      );
    }
    return (
      // On a phone above the buttons at both sides, which would cover it.
      <Box
        sx={{
          px: 3,
          justifySelf: 'center',
          alignSelf: { xs: 'start', md: 'center' },
          maxWidth: 560,
        }}
      >
        <Failure
          title="The picture can’t be shown"
          error={error}
          onRetry={() => void picture.refetch()}
        />
      </Box>
    );
  }
  return (
    <Box role="status" sx={{ justifySelf: 'center' }}>
      <CircularProgress aria-label="Loading the picture" />
    </Box>
  );
}

import { Dialog } from '@base-ui/react/dialog';
import { useQueryClient } from '@tanstack/react-query';
import { useEffect, useRef, useState } from 'react';
import { useLocation, useNavigate, useOutletContext, useParams } from 'react-router';
import { ApiError, describeError } from '../api/errors';
import { keys } from '../api/queryKeys';
import type { IndexEntry } from '../api/types';
import { cx } from '../lib/cx';
import { formatCount } from '../lib/format';
import { useStore } from '../lib/useStore';
import { deletePictures } from '../pictures/deletion';
import { fileName } from '../pictures/image';
import { orderStore } from '../pictures/order';
import { pictureQuery, usePicture } from '../pictures/queries';
import type { PictureInfo } from '../pictures/requests';
import { loadPreview } from '../pictures/variants';
import { Failure } from '../transports/Failure';
import { IconButton } from '../ui/IconButton';
import {
  BrokenIcon,
  CloseIcon,
  DownloadIcon,
  InfoIcon,
  MinusIcon,
  NextIcon,
  PlusIcon,
  PreviousIcon,
  TrashIcon,
} from '../ui/icons';
import { notify } from '../ui/notices';
import { Empty } from '../ui/states';
import { useDocumentTitle } from '../ui/useDocumentTitle';
import { InfoPanel } from './InfoPanel';
import { Media } from './Media';
import { Title } from './Title';
import { useGestures } from './useGestures';
import { useNeighbours } from './useNeighbours';
import styles from './viewer.module.css';

/** Finds a picture in the months that have been loaded, before its details are. */
function useCachedEntry(id: string): IndexEntry | undefined {
  return useQueryClient()
    .getQueriesData<readonly IndexEntry[]>({
      queryKey: keys.index,
      predicate: ({ queryKey }) => queryKey[3] === 'month',
    })
    .flatMap(([, entries]) => entries ?? [])
    .find((entry) => entry.id === id);
}

export interface ViewerContext {
  /** Whether the list of shortcuts is above the viewer, and has the keys to itself. */
  readonly covered: boolean;
}

/** A picture on the whole screen, above the timeline and with a URL of its own. */
export function PictureView() {
  const { pictureId = '' } = useParams();
  const { covered } = useOutletContext<ViewerContext>();
  const order = useStore(orderStore);
  const navigate = useNavigate();
  const client = useQueryClient();
  const picture = usePicture(pictureId);
  const cached = useCachedEntry(pictureId);
  const info = picture.data;
  const { current, previous, next, position, total } = useNeighbours(
    pictureId,
    info ?? cached,
    order,
  );
  const entry = current ?? cached;
  const title = entry?.title ?? info?.title ?? 'Picture';
  const [showsInfo, setShowsInfo] = useState(false);
  useDocumentTitle(title);

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
  const show = (entry: IndexEntry | undefined) => {
    if (entry !== undefined) void navigate(`/pictures/${entry.id}`, { replace: true, state });
  };

  // A state, because the dialog puts it on the page later.
  const [stage, setStage] = useState<HTMLElement | null>(null);
  const media = useRef<HTMLDivElement>(null);
  const { zoomed, zoomIn, zoomOut, reset } = useGestures({
    stage,
    mediaRef: media,
    onSwipe: (direction) => {
      if (direction === 'close') close();
      else show(direction === 'next' ? next : previous);
    },
  });
  useEffect(reset, [pictureId, reset]);

  const remove = () => {
    if (entry === undefined && info === undefined) return;
    deletePictures(client, [{ id: pictureId, title }]);
    const following = next ?? previous;
    if (following === undefined) close();
    else show(following);
  };

  useEffect(() => {
    for (const neighbour of [next, previous]) {
      if (neighbour === undefined) continue;
      // Speculative: a failure is reported when the picture is opened.
      client
        .query(pictureQuery(neighbour.id))
        .then(({ id, links }) => loadPreview(id, links.preview))
        .catch(() => undefined);
    }
    // eslint-disable-next-line react-hooks/exhaustive-deps -- the same neighbours load once
  }, [client, next?.id, previous?.id]);

  const popup = useRef<HTMLDivElement>(null);
  const onKey = useRef<(event: KeyboardEvent) => void>(() => undefined);
  useEffect(() => {
    onKey.current = (event) => {
      const { target } = event;
      const typing = target instanceof Element && target.closest('input') !== null;
      // Keys for something else, such as a notice.
      const elsewhere =
        target instanceof Node && target !== document.body && !popup.current?.contains(target);
      if (covered || typing || elsewhere || event.altKey || event.ctrlKey || event.metaKey) return;
      const actions: Readonly<Record<string, () => void>> = {
        ArrowLeft: () => show(previous),
        ArrowRight: () => show(next),
        Delete: remove,
        '+': zoomIn,
        '=': zoomIn,
        '-': zoomOut,
        '0': reset,
        i: () => setShowsInfo(!showsInfo),
      };
      actions[event.key]?.();
    };
  });
  useEffect(() => {
    const listener = (event: KeyboardEvent) => onKey.current(event);
    // Captured, because the dialog keeps the arrow keys to itself.
    addEventListener('keydown', listener, true);
    return () => removeEventListener('keydown', listener, true);
  }, []);

  const place = position === undefined ? '' : `${formatCount(position)} of ${formatCount(total)}`;
  const failed = picture.isError && info === undefined;
  return (
    <Dialog.Root open onOpenChange={(open) => !open && close()}>
      <Dialog.Portal>
        <Dialog.Popup ref={popup} className={styles.viewer} data-scheme="dark" finalFocus={false}>
          <header className={styles.bar}>
            <IconButton label="Close" hint="right" className={styles.dark} onClick={close}>
              <CloseIcon />
            </IconButton>
            <Title
              key={pictureId}
              id={pictureId}
              title={title}
              canRename={info !== undefined}
              position={place}
            />
            <div className={styles.actions}>
              {!failed && (
                <>
                  <IconButton
                    label="Zoom out"
                    className={styles.dark}
                    disabled={!zoomed}
                    onClick={zoomOut}
                  >
                    <MinusIcon />
                  </IconButton>
                  <IconButton label="Zoom in" className={styles.dark} onClick={zoomIn}>
                    <PlusIcon />
                  </IconButton>
                </>
              )}
              {info !== undefined && (
                <>
                  <IconButton
                    label="Information"
                    className={styles.dark}
                    aria-pressed={showsInfo}
                    onClick={() => setShowsInfo(!showsInfo)}
                  >
                    <InfoIcon />
                  </IconButton>
                  <DownloadButton info={info} />
                  <IconButton label="Delete" className={styles.dark} onClick={remove}>
                    <TrashIcon />
                  </IconButton>
                </>
              )}
            </div>
          </header>
          <div className={styles.body}>
            <div ref={setStage} className={cx(styles.stage, zoomed && styles.zoomed)}>
              {failed ? (
                <Failed error={picture.error} onRetry={() => void picture.refetch()} />
              ) : (
                <Media
                  key={pictureId}
                  ref={media}
                  id={pictureId}
                  info={info}
                  entry={entry}
                  full={zoomed}
                />
              )}
            </div>
            {previous !== undefined && (
              <IconButton
                className={cx(styles.step, styles.previous)}
                label="Newer picture"
                hint="right"
                onClick={() => show(previous)}
              >
                <PreviousIcon />
              </IconButton>
            )}
            {next !== undefined && (
              <IconButton
                className={cx(styles.step, styles.next)}
                label="Older picture"
                onClick={() => show(next)}
              >
                <NextIcon />
              </IconButton>
            )}
            {showsInfo && info !== undefined && <InfoPanel info={info} />}
          </div>
          <p role="status" className="visually-hidden">
            {place === '' ? title : `${title}, ${place}`}
          </p>
        </Dialog.Popup>
      </Dialog.Portal>
    </Dialog.Root>
  );
}

/** Downloads the original under its title. */
function DownloadButton({ info }: { readonly info: PictureInfo }) {
  const client = useQueryClient();
  const [pending, setPending] = useState(false);
  const download = async () => {
    setPending(true);
    try {
      const { links } = await client.query(pictureQuery(info.id));
      const response = await fetch(links.original, { mode: 'cors', credentials: 'omit' });
      if (!response.ok) throw new Error(`the storage returned status ${response.status}`);
      const url = URL.createObjectURL(await response.blob());
      const anchor = document.createElement('a');
      anchor.href = url;
      anchor.download = fileName(info.title, info.content_type);
      anchor.click();
      // Some browsers read the URL only after the click has been handled.
      setTimeout(() => URL.revokeObjectURL(url), 10_000);
    } catch (error) {
      const reason =
        error instanceof ApiError ? describeError(error) : 'The storage didn’t answer. Try again.';
      notify(`“${info.title}” wasn’t downloaded. ${reason}`, { severity: 'error' });
    } finally {
      setPending(false);
    }
  };
  return (
    <IconButton
      label="Download"
      className={styles.dark}
      aria-busy={pending}
      onClick={() => {
        if (!pending) void download();
      }}
    >
      <DownloadIcon />
    </IconButton>
  );
}

function Failed({ error, onRetry }: { readonly error: unknown; readonly onRetry: () => void }) {
  // 400: the URL contains something that isn't a picture id.
  const missing = error instanceof ApiError && (error.status === 404 || error.status === 400);
  return (
    <div className={styles.message}>
      {missing ? (
        <Empty icon={<BrokenIcon size={30} />} title="Picture not found">
          It may have been deleted, or it may belong to someone else.
        </Empty>
      ) : (
        <Failure title="Couldn’t load the picture" error={error} onRetry={onRetry} />
      )}
    </div>
  );
}

import { memo, type PointerEvent, type MouseEvent, useEffect, useRef, useState } from 'react';
import { Link } from 'react-router';
import type { IndexEntry } from '../api/types';
import { cx } from '../lib/cx';
import { Placeholder } from '../pictures/Placeholder';
import { usePicture } from '../pictures/queries';
import { useVariant } from '../pictures/useVariant';
import { uploadOf } from '../pictures/variants';
import { BlobImage } from '../ui/BlobImage';
import { Button } from '../ui/Button';
import { BrokenIcon, CheckIcon } from '../ui/icons';
import { Spinner } from '../ui/Spinner';
import { PictureView } from '../viewer/lazy';
import type { Box } from './layout';
import { linkId } from './linkId';
import styles from './timeline.module.css';

export interface TileActions {
  readonly onToggle: (entry: IndexEntry, range: boolean) => void;
  readonly onFocus: (id: string) => void;
}

interface TileProps extends TileActions {
  readonly box: Box;
  /** The picture's position in the whole timeline, from 1. */
  readonly position: number;
  readonly label: string;
  readonly selected: boolean;
  /** Whether any picture is selected: then a press selects instead of opening. */
  readonly selecting: boolean;
  /** Whether this is the grid's tab stop. */
  readonly tabStop: boolean;
}

const LONG_PRESS_MS = 450;

/** A picture in the timeline. */
export const Tile = memo(function Tile({
  box,
  position,
  label,
  selected,
  selecting,
  tabStop,
  onToggle,
  onFocus,
}: TileProps) {
  const { entry, left, top, width, height } = box;
  const processing = entry.state === 'processing';
  const thumbnail = useVariant(entry.id, 'thumbnail', processing ? undefined : '');
  const press = useLongPress(() => onToggle(entry, false));
  const click = (event: MouseEvent) => {
    if (press.wasLong() || selecting || event.shiftKey) {
      event.preventDefault();
      if (!press.wasLong()) onToggle(entry, event.shiftKey);
    }
  };
  return (
    <div
      role="row"
      aria-rowindex={position}
      aria-selected={selected}
      className={cx(styles.tile, selected && styles.selected)}
      style={{ left, top, width, height }}
    >
      <div role="gridcell" className={styles.cell}>
        <Link
          id={linkId(entry.id)}
          to={`/pictures/${entry.id}`}
          state={{ fromGrid: true }}
          aria-label={label}
          tabIndex={tabStop ? 0 : -1}
          className={styles.link}
          draggable={false}
          onClick={click}
          onFocus={() => onFocus(entry.id)}
          onPointerEnter={PictureView.preload}
          {...press.handlers}
        >
          <Thumbnail
            box={box}
            blob={processing ? uploadOf(entry.id) : thumbnail.blob}
            failed={thumbnail.error !== undefined}
          />
          <span className={styles.caption} aria-hidden="true">
            {entry.title}
          </span>
        </Link>
        <button
          type="button"
          tabIndex={-1}
          aria-label={`Select ${entry.title}`}
          aria-pressed={selected}
          className={styles.check}
          onClick={(event) => onToggle(entry, event.shiftKey)}
        >
          <CheckIcon size={16} />
        </button>
        {thumbnail.error !== undefined && (
          <Button
            size="small"
            variant="contained"
            tabIndex={-1}
            aria-label={`Try again to load ${entry.title}`}
            className={styles.retry}
            onClick={thumbnail.retry}
          >
            Try again
          </Button>
        )}
      </div>
    </div>
  );
});

interface ThumbnailProps {
  readonly box: Box;
  readonly blob: Blob | undefined;
  readonly failed: boolean;
}

function Thumbnail({ box: { entry, width, height }, blob, failed }: ThumbnailProps) {
  const [shown, setShown] = useState(false);
  const [undecodable, setUndecodable] = useState(false);
  const [hovered, setHovered] = useState(false);
  // Drawings and icons that are smaller than their box keep their size.
  const small = entry.width > 0 && entry.width < width && entry.height < height;
  return (
    <span
      className={styles.frame}
      onPointerEnter={({ pointerType }) => setHovered(pointerType === 'mouse')}
      onPointerLeave={() => setHovered(false)}
    >
      {!shown && entry.placeholder !== '' && (
        <Placeholder hash={entry.placeholder} className={cx(styles.picture, styles.placeholder)} />
      )}
      {entry.state === 'processing' && blob === undefined && <Spinner size={28} />}
      {blob !== undefined && !undecodable && (
        <BlobImage
          blob={blob}
          alt=""
          className={cx(styles.picture, styles.photo, small && styles.small, shown && styles.shown)}
          onLoad={() => setShown(true)}
          onError={() => setUndecodable(true)}
        />
      )}
      {hovered && entry.content_type === 'image/gif' && <Moving id={entry.id} />}
      {(undecodable || failed) && (
        <span className={styles.broken}>
          <BrokenIcon />
        </span>
      )}
    </span>
  );
}

/** Plays an animation while the pointer is on it. */
function Moving({ id }: { readonly id: string }) {
  const { data } = usePicture(id);
  if (data === undefined || matchMedia('(prefers-reduced-motion: reduce)').matches) return null;
  return (
    <img
      className={cx(styles.picture, styles.photo, styles.shown)}
      src={data.links.original}
      crossOrigin="anonymous"
      alt=""
    />
  );
}

/** Calls `onLongPress` when a finger rests on an element. */
function useLongPress(onLongPress: () => void) {
  const timer = useRef<ReturnType<typeof setTimeout>>(undefined);
  const long = useRef(false);
  const stop = () => clearTimeout(timer.current);
  useEffect(() => stop, []);
  return {
    wasLong: () => long.current,
    handlers: {
      onPointerDown: ({ pointerType }: PointerEvent) => {
        long.current = false;
        if (pointerType !== 'touch') return;
        timer.current = setTimeout(() => {
          long.current = true;
          onLongPress();
        }, LONG_PRESS_MS);
      },
      onPointerUp: stop,
      onPointerCancel: stop,
      onPointerLeave: stop,
      // The browser's menu would cover the selection.
      onContextMenu: (event: MouseEvent) => {
        if (long.current) event.preventDefault();
      },
    },
  };
}

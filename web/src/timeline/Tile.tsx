import {
  type CSSProperties,
  memo,
  type MouseEvent,
  type PointerEvent,
  type RefObject,
  useEffect,
  useRef,
  useState,
} from 'react';
import { Link } from 'react-router';
import type { IndexEntry } from '../api/types';
import { cx } from '../lib/cx';
import { averageColour } from '../pictures/draw';
import { usePicture } from '../pictures/queries';
import { Button } from '../ui/Button';
import { BrokenIcon, CheckIcon } from '../ui/icons';
import { Spinner } from '../ui/Spinner';
import { PictureView } from '../viewer/lazy';
import { useHasRested } from './fling';
import type { Box } from './layout';
import { linkId } from './linkId';
import styles from './timeline.module.css';
import { useThumbnail } from './useThumbnail';

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

/** How much a small picture is enlarged to fill its box. */
const MAX_ENLARGED = 1.5;

/** A picture in the timeline. While it passes too fast to be seen, it is an empty box. */
export const Tile = memo(function Tile(props: TileProps) {
  const { left, top, width, height, entry } = props.box;
  const place = { left, top, width, height };
  // The tab stop may have the focus.
  return useHasRested() || props.tabStop ? (
    <Picture {...props} place={place} />
  ) : (
    <div
      role="presentation"
      className={styles.passing}
      style={{ ...place, backgroundColor: averageColour(entry.placeholder) }}
    />
  );
});

function Picture({
  box,
  place,
  position,
  label,
  selected,
  selecting,
  tabStop,
  onToggle,
  onFocus,
}: TileProps & { readonly place: CSSProperties }) {
  const { entry } = box;
  const canvas = useRef<HTMLCanvasElement>(null);
  const { state, retry } = useThumbnail(canvas, box);
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
      style={place}
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
          <Thumbnail box={box} canvas={canvas} state={state} />
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
          {selected && <CheckIcon size={16} />}
        </button>
        {state === 'failed' && (
          <Button
            size="small"
            variant="contained"
            tabIndex={-1}
            aria-label={`Try again to load ${entry.title}`}
            className={styles.retry}
            onClick={retry}
          >
            Try again
          </Button>
        )}
      </div>
    </div>
  );
}

interface ThumbnailProps {
  readonly box: Box;
  readonly canvas: RefObject<HTMLCanvasElement | null>;
  readonly state: ReturnType<typeof useThumbnail>['state'];
}

function Thumbnail({ box: { entry, width, height }, canvas, state }: ThumbnailProps) {
  const [hovered, setHovered] = useState(false);
  const shown = state === 'shown';
  // Drawings and icons that are much smaller than their box keep their size.
  const isSmall = (own: number, box: number) => own > 0 && own * MAX_ENLARGED < box;
  const small = shown && isSmall(entry.width, width) && isSmall(entry.height, height);
  // The colours of a transparent picture's placeholder would shine through it.
  const colour = shown ? undefined : averageColour(entry.placeholder);
  return (
    <span
      className={styles.frame}
      style={{ backgroundColor: colour }}
      onPointerEnter={({ pointerType }) => setHovered(pointerType === 'mouse')}
      onPointerLeave={() => setHovered(false)}
    >
      <canvas
        ref={canvas}
        aria-hidden="true"
        width={1}
        height={1}
        data-shown={shown}
        className={cx(styles.picture, !shown && styles.placeholder, small && styles.small)}
      />
      {entry.state === 'processing' && state === 'loading' && <Spinner size={28} />}
      {hovered && entry.content_type === 'image/gif' && <Moving id={entry.id} />}
      {(state === 'undecodable' || state === 'failed') && (
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
    <img className={styles.picture} src={data.links.original} crossOrigin="anonymous" alt="" />
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

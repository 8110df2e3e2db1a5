import { useQueryClient } from '@tanstack/react-query';
import {
  type KeyboardEvent,
  type RefObject,
  useCallback,
  useEffect,
  useLayoutEffect,
  useReducer,
  useRef,
  useState,
} from 'react';
import type { Order } from '../api/queryKeys';
import type { IndexEntry } from '../api/types';
import { useStore } from '../lib/useStore';
import { deletePictures } from '../pictures/deletion';
import { watchFlings } from './fling';
import { move, type Placed } from './geometry';
import { Month } from './Month';
import { firstBelow, monthWith, placesOf } from './places';
import { Scrubber } from './Scrubber';
import { clearSelection, select, selectionStore, selectRange, toggleSelected } from './selection';
import { linkId } from './linkId';
import styles from './timeline.module.css';
import { useAnchor } from './useAnchor';
import type { Section, Sections } from './useSections';
import { useViewport } from './useViewport';

/** How far around the viewport pictures are rendered, in pixels. */
const MARGIN = 320;

interface TimelineProps {
  readonly container: RefObject<HTMLDivElement | null>;
  readonly state: Sections;
  readonly order: Order;
  readonly onNear: (months: readonly string[]) => void;
  /** A picture to scroll to and to focus, and a number that changes with each request. */
  readonly reveal: { readonly id: string; readonly at: number } | undefined;
  /** Loads the pictures of all months, and passes them on. */
  readonly withAll: (take: (pictures: readonly IndexEntry[]) => void) => Promise<void>;
}

/** The virtualised grid. Its heights are computed from the layout, so nothing has to be measured. */
export function Timeline({ container, state, order, onNear, reveal, withAll }: TimelineProps) {
  const { sections, total, height } = state;
  const client = useQueryClient();
  const viewport = useViewport();
  const selected = useStore(selectionStore);
  const [active, setActive] = useState<string>();
  const [listTop, setListTop] = useState(0);
  const wantsFocus = useRef(false);
  const [, rerender] = useReducer((count: number) => count + 1, 0);
  const forgetPlace = useAnchor(container, sections, order);

  useLayoutEffect(() => {
    // Whatever is above changes its height with the page's own.
    const measure = () =>
      setListTop(Math.round((container.current?.getBoundingClientRect().top ?? 0) + scrollY));
    measure();
    const observer = new ResizeObserver(measure);
    observer.observe(document.body);
    return () => observer.disconnect();
  }, [container]);

  const from = viewport.top - listTop - MARGIN;
  const to = viewport.bottom - listTop + MARGIN;
  const isNear = ({ top, height }: Section) => top < to && top + height > from;
  const near = sections.filter(isNear);
  const nearKey = near.map(({ month }) => month).join();
  useEffect(() => onNear(nearKey === '' ? [] : nearKey.split(',')), [nearKey, onNear]);
  useEffect(watchFlings, []);

  const activeMonth = monthWith(sections, active);
  const stop = activeMonth === undefined ? firstBelow(near, viewport.top - listTop) : active;

  /** The picture that gets the focus as soon as it is mounted. */
  const focus = useCallback((id: string) => {
    wantsFocus.current = true;
    setActive(id);
    // The picture may be the active one already.
    rerender();
  }, []);
  const show = useCallback(
    ({ top, box }: Placed) => {
      // The header and the toolbar cover the top.
      const [above, below] = [scrollY + 130, scrollY + innerHeight - 90];
      const at = top + listTop;
      if (at < above) scrollTo(0, at - 130);
      else if (at + box.height > below) scrollTo(0, at + box.height - innerHeight + 90);
    },
    [listTop],
  );
  useLayoutEffect(() => {
    if (!wantsFocus.current || active === undefined) return;
    const link = document.getElementById(linkId(active));
    if (link === null) return;
    wantsFocus.current = false;
    link.focus({ preventScroll: true });
  });

  // Lands on the picture that the viewer was left with.
  const revealed = useRef(0);
  useLayoutEffect(() => {
    if (reveal === undefined || reveal.at === revealed.current) return;
    const place = placesOf(sections).find(({ box }) => box.entry.id === reveal.id);
    if (place === undefined) return;
    revealed.current = reveal.at;
    show(place);
    // eslint-disable-next-line react-hooks/set-state-in-effect -- follows the scroll position
    focus(reveal.id);
  }, [reveal, sections, show, focus]);

  // Follows Home and End as soon as the month at that end has been loaded.
  const goal = useRef<'Home' | 'End'>(undefined);
  useLayoutEffect(() => {
    const atEnd = goal.current === 'End';
    const layout = sections.at(atEnd ? -1 : 0)?.layout;
    if (goal.current === undefined || layout === undefined) return;
    goal.current = undefined;
    const day = layout.days.at(atEnd ? -1 : 0);
    const box = day?.boxes.at(atEnd ? -1 : 0);
    scrollTo(0, atEnd ? document.documentElement.scrollHeight : 0);
    if (box !== undefined) focus(box.entry.id);
  });

  // Stable, so that pictures aren't rendered again with every month that is loaded.
  const latest = useRef({ sections, withAll });
  useEffect(() => {
    latest.current = { sections, withAll };
  });
  const onToggle = useCallback((entry: IndexEntry, range: boolean) => {
    const { sections, withAll } = latest.current;
    if (!range) toggleSelected(entry);
    // A range may span months that haven't been loaded.
    else if (sections.some(({ layout }) => layout === undefined)) {
      void withAll((all) => selectRange(all, entry));
    } else {
      selectRange(
        sections.flatMap(({ entries }) => entries ?? []),
        entry,
      );
    }
  }, []);

  const jump = useCallback(
    (month: string) => {
      const section = sections.find((section) => section.month === month);
      if (section === undefined) return;
      forgetPlace();
      scrollTo(0, section.top + listTop - 120);
    },
    [sections, listTop, forgetPlace],
  );

  const onKeyDown = (event: KeyboardEvent) => {
    const places = placesOf(sections);
    const place = places.find(({ box }) => box.entry.id === active);
    const { key } = event;
    const plain = !event.altKey && !event.ctrlKey && !event.metaKey;
    if ((event.ctrlKey || event.metaKey) && key.toLowerCase() === 'a') {
      event.preventDefault();
      void withAll(select);
    } else if (key === 'Escape') {
      clearSelection();
    } else if (place !== undefined && plain && key === ' ') {
      event.preventDefault();
      onToggle(place.box.entry, event.shiftKey);
    } else if (plain && key === 'Delete') {
      const doomed = selected.size > 0 ? [...selected.values()] : place ? [place.box.entry] : [];
      const next = place && (move(places, place, 'ArrowRight') ?? move(places, place, 'ArrowLeft'));
      if (next !== undefined && selected.size === 0) focus(next.box.entry.id);
      clearSelection();
      deletePictures(client, doomed);
    } else if (plain && (key === 'Home' || key === 'End')) {
      event.preventDefault();
      goal.current = key;
      forgetPlace();
      // Brings the month near, so that it is loaded.
      scrollTo(0, key === 'Home' ? 0 : document.documentElement.scrollHeight);
      rerender();
    } else if (place !== undefined && plain) {
      const next = move(places, place, key);
      if (next === undefined) return;
      event.preventDefault();
      if (event.shiftKey) {
        if (selected.size === 0) toggleSelected(place.box.entry);
        onToggle(next.box.entry, true);
      }
      show(next);
      focus(next.box.entry.id);
    }
  };

  return (
    <>
      <div
        ref={container}
        role="grid"
        aria-label="Your pictures"
        aria-multiselectable
        aria-rowcount={total}
        aria-busy={state.isLoading}
        className={selected.size > 0 ? styles.selecting : styles.grid}
        style={{ height }}
        onKeyDown={onKeyDown}
        tabIndex={-1}
      >
        {sections.map((section) => {
          if (!isNear(section) && section.month !== activeMonth) return null;
          return (
            <Month
              key={section.month}
              section={section}
              order={order}
              from={from - section.top}
              to={to - section.top}
              selected={selected}
              active={stop}
              onToggle={onToggle}
              onFocus={setActive}
            />
          );
        })}
      </div>
      <Scrubber sections={sections} height={height} onJump={jump} />
    </>
  );
}

import { type RefObject, useCallback, useEffect, useLayoutEffect, useRef } from 'react';
import type { Order } from '../api/queryKeys';
import { findBox } from './places';
import type { Section } from './useSections';

/** A place in the timeline that survives changes of the layout. */
interface Anchor {
  readonly month: string;
  /** The picture at the top of the viewport, if the month's pictures are known. */
  readonly id: string | undefined;
  /** Pixels from the top of the viewport to the picture, or to the month. */
  readonly offset: number;
}

/** Where each order's timeline was left, for coming back from another page. */
const left = new Map<Order, Anchor>();

function anchorAt(sections: readonly Section[], viewTop: number): Anchor | undefined {
  const section = sections.find(({ top, height }) => top + height > viewTop);
  if (section === undefined) return undefined;
  const box = findBox(section, ({ top, height }) => section.top + top + height > viewTop);
  const top = section.top + (box?.top ?? 0);
  return { month: section.month, id: box?.entry.id, offset: top - viewTop };
}

/** The top of an anchor in the current layout. The picture may have been deleted. */
function topOf(sections: readonly Section[], { month, id }: Anchor): number | undefined {
  const section = sections.find((section) => section.month === month);
  if (section === undefined) return undefined;
  if (id === undefined) return section.top;
  const box = findBox(section, ({ entry }) => entry.id === id);
  return box && section.top + box.top;
}

/**
 * Keeps what one looks at in place while months above are loaded or the window is resized, and goes
 * back to it when the page is opened again. Returns a function that forgets the place.
 */
export function useAnchor(
  container: RefObject<HTMLElement | null>,
  sections: readonly Section[],
  order: Order,
): () => void {
  const latest = useRef(sections);
  const anchor = useRef<Anchor | undefined>(left.get(order));
  const listTop = () =>
    container.current === null ? 0 : container.current.getBoundingClientRect().top + scrollY;

  useLayoutEffect(() => {
    latest.current = sections;
    const place = anchor.current;
    if (place === undefined) return;
    const top = topOf(sections, place);
    if (top === undefined) return;
    const target = listTop() + top - place.offset;
    // Closer than a pixel is rounding.
    if (Math.abs(target - scrollY) > 1) scrollTo(0, target);
    // eslint-disable-next-line react-hooks/exhaustive-deps -- runs when the layout changes
  }, [sections]);

  useEffect(() => {
    const follow = () => {
      const viewTop = scrollY - listTop();
      // At the top of the page, new pictures push the others down.
      anchor.current = viewTop <= 0 ? undefined : anchorAt(latest.current, viewTop);
    };
    addEventListener('scroll', follow, { passive: true });
    return () => {
      removeEventListener('scroll', follow);
      if (anchor.current === undefined) left.delete(order);
      else left.set(order, anchor.current);
    };
    // eslint-disable-next-line react-hooks/exhaustive-deps -- `listTop` reads a ref
  }, [order]);

  return useCallback(() => {
    anchor.current = undefined;
  }, []);
}

/** Forgets where the timeline was left, when a session ends. */
export function forgetPlaces(): void {
  left.clear();
}

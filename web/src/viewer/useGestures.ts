import { type RefObject, useCallback, useEffect, useRef, useState } from 'react';

interface Point {
  readonly x: number;
  readonly y: number;
}

interface Transform extends Point {
  readonly scale: number;
}

interface GestureOptions {
  /** The element that receives the gestures, once it is on the page. */
  readonly stage: HTMLElement | null;
  /** The element that is moved and zoomed. */
  readonly mediaRef: RefObject<HTMLElement | null>;
  readonly onSwipe: (direction: 'previous' | 'next' | 'close') => void;
}

const MAX_SCALE = 8;
/** What a double tap and the zoom button step to. */
const STEP = 2.5;
const REST: Transform = { scale: 1, x: 0, y: 0 };

const SWIPE_PX = 60;
const CLOSE_PX = 110;
const DOUBLE_TAP_MS = 300;
/** A finger that moves less than this many pixels taps. */
const TAP_PX = 10;

const distance = (a: Point, b: Point) => Math.hypot(a.x - b.x, a.y - b.y);
const middle = (a: Point, b: Point): Point => ({ x: (a.x + b.x) / 2, y: (a.y + b.y) / 2 });

/**
 * Zooms by pinch, double tap, wheel and buttons; pans while zoomed; swipes otherwise. The transform is
 * written to the element directly, so that moving doesn't rerender.
 */
export function useGestures({ stage, mediaRef, onSwipe }: GestureOptions) {
  const transform = useRef<Transform>(REST);
  const [zoomed, setZoomed] = useState(false);

  const apply = useCallback(
    (next: Transform) => {
      const element = mediaRef.current;
      if (element === null || stage === null) return;
      const scale = Math.min(MAX_SCALE, Math.max(1, next.scale));
      // The picture can't be moved out of the stage.
      const [limitX, limitY] = [stage.clientWidth, stage.clientHeight].map(
        (size) => (size * (scale - 1)) / 2,
      ) as [number, number];
      const clamp = (value: number, limit: number) => Math.min(limit, Math.max(-limit, value));
      const clamped =
        scale === 1
          ? { scale, x: next.x, y: next.y }
          : { scale, x: clamp(next.x, limitX), y: clamp(next.y, limitY) };
      transform.current = clamped;
      element.style.transform = `translate(${clamped.x}px, ${clamped.y}px) scale(${clamped.scale})`;
      setZoomed(scale > 1);
    },
    [mediaRef, stage],
  );

  /** Zooms around a point that stays in place, or around the centre. */
  const zoomTo = useCallback(
    (scale: number, at?: Point) => {
      const box = stage?.getBoundingClientRect();
      if (box === undefined) return;
      const { scale: from, x, y } = transform.current;
      const to = Math.min(MAX_SCALE, Math.max(1, scale));
      const centre = { x: box.left + box.width / 2, y: box.top + box.height / 2 };
      const origin = at ?? centre;
      const [dx, dy] = [origin.x - centre.x, origin.y - centre.y];
      const ratio = to / from;
      apply(to === 1 ? REST : { scale: to, x: dx - (dx - x) * ratio, y: dy - (dy - y) * ratio });
    },
    [apply, stage],
  );
  const reset = useCallback(() => apply(REST), [apply]);

  const swipe = useRef(onSwipe);
  useEffect(() => {
    swipe.current = onSwipe;
  });

  useEffect(() => {
    if (stage === null) return undefined;
    const fingers = new Map<number, Point>();
    let start: { readonly at: Point; readonly transform: Transform } | undefined;
    let pinch: { readonly distance: number; readonly scale: number } | undefined;
    let lastTap = { at: -Infinity, x: 0, y: 0 };

    const begin = () => {
      const [first, second] = [...fingers.values()];
      start = first && { at: first, transform: transform.current };
      pinch = first &&
        second && { distance: distance(first, second), scale: transform.current.scale };
    };
    const down = (event: PointerEvent) => {
      if (event.button !== 0) return;
      stage.setPointerCapture(event.pointerId);
      fingers.set(event.pointerId, { x: event.clientX, y: event.clientY });
      begin();
    };
    const moved = (event: PointerEvent) => {
      if (!fingers.has(event.pointerId)) return;
      fingers.set(event.pointerId, { x: event.clientX, y: event.clientY });
      const [first, second] = [...fingers.values()];
      if (first === undefined) return;
      if (second !== undefined && pinch !== undefined) {
        zoomTo((pinch.scale * distance(first, second)) / pinch.distance, middle(first, second));
      } else if (start !== undefined) {
        const { at, transform } = start;
        apply({
          scale: transform.scale,
          x: transform.x + first.x - at.x,
          y: transform.y + first.y - at.y,
        });
      }
    };
    const tap = (event: PointerEvent) => {
      // When the finger touched the screen, however busy the page was since.
      const now = event.timeStamp;
      const point = { x: event.clientX, y: event.clientY };
      const isDouble = now - lastTap.at < DOUBLE_TAP_MS && distance(point, lastTap) < 40;
      lastTap = isDouble ? { at: -Infinity, x: 0, y: 0 } : { at: now, ...point };
      if (isDouble) zoomTo(transform.current.scale > 1 ? 1 : STEP, point);
    };
    const up = (event: PointerEvent) => {
      const end = fingers.get(event.pointerId);
      if (end === undefined) return;
      const wasPinch = fingers.size > 1;
      fingers.delete(event.pointerId);
      if (wasPinch) {
        begin();
        return;
      }
      const from = start?.at ?? end;
      const [dx, dy] = [end.x - from.x, end.y - from.y];
      if (Math.hypot(dx, dy) < TAP_PX) tap(event);
      if (transform.current.scale > 1) return;
      apply(REST);
      if (event.type === 'pointercancel') return;
      if (Math.abs(dx) > SWIPE_PX && Math.abs(dx) > Math.abs(dy)) {
        swipe.current(dx > 0 ? 'previous' : 'next');
      } else if (dy > CLOSE_PX && dy > Math.abs(dx)) swipe.current('close');
    };
    const wheel = (event: WheelEvent) => {
      event.preventDefault();
      const factor = Math.exp(-event.deltaY / (event.ctrlKey ? 120 : 400));
      zoomTo(transform.current.scale * factor, { x: event.clientX, y: event.clientY });
    };
    stage.addEventListener('pointerdown', down);
    stage.addEventListener('pointermove', moved);
    stage.addEventListener('pointerup', up);
    stage.addEventListener('pointercancel', up);
    stage.addEventListener('wheel', wheel, { passive: false });
    return () => {
      stage.removeEventListener('pointerdown', down);
      stage.removeEventListener('pointermove', moved);
      stage.removeEventListener('pointerup', up);
      stage.removeEventListener('pointercancel', up);
      stage.removeEventListener('wheel', wheel);
    };
  }, [apply, zoomTo, stage]);

  return {
    zoomed,
    zoomIn: () => zoomTo(transform.current.scale * STEP),
    zoomOut: () => zoomTo(transform.current.scale / STEP),
    reset,
  };
}

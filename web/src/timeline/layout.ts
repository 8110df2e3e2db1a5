import type { IndexEntry } from '../api/types';

/** The place of a picture, in pixels from the top left of its section. */
export interface Box {
  readonly entry: IndexEntry;
  readonly left: number;
  readonly top: number;
  readonly width: number;
  readonly height: number;
}

export interface Day {
  /** For example `2026-07-14`. */
  readonly day: string;
  /** The place of the heading. */
  readonly top: number;
  readonly left: number;
  readonly width: number;
  readonly boxes: readonly Box[];
}

/** The layout of a month, or of search results. */
export interface Layout {
  readonly days: readonly Day[];
  readonly height: number;
}

export interface LayoutOptions {
  /** The width of the page's content. */
  readonly width: number;
  /** The height that rows would have if they needn't fill the width. */
  readonly rowHeight: number;
  readonly dayOf: (entry: IndexEntry) => string;
}

export const GAP = 6;
export const HEADING_HEIGHT = 44;
/** Between days that stand side by side. */
const DAY_GAP = 18;
/** The room for a heading. */
const MIN_DAY_WIDTH = 150;

/** Extreme proportions get a box like this, in which the picture is shown whole. */
const MIN_RATIO = 0.45;
const MAX_RATIO = 3.2;
/** How much higher than `rowHeight` a row that isn't full may become. */
const MAX_STRETCH = 1.25;

/** The proportions of a picture's box. Pictures whose size isn't known yet get a common one. */
export function ratioOf({ width, height }: { width: number; height: number }): number {
  if (width <= 0 || height <= 0) return 4 / 3;
  return Math.min(MAX_RATIO, Math.max(MIN_RATIO, width / height));
}

/**
 * Lays out pictures in rows of equal width, below a heading for each day. Days with few pictures stand
 * side by side.
 */
export function layOut(entries: readonly IndexEntry[], options: LayoutOptions): Layout {
  const byDay = new Map<string, IndexEntry[]>();
  for (const entry of entries) {
    const day = options.dayOf(entry);
    const known = byDay.get(day);
    if (known === undefined) byDay.set(day, [entry]);
    else known.push(entry);
  }
  const { width, rowHeight } = options;
  const days: Day[] = [];
  let top = 0;
  /** The end of the short days in the current row. */
  let right = 0;
  let bottom = 0;
  for (const [day, pictures] of byDay) {
    const own = shortWidth(pictures, rowHeight);
    let left = right === 0 ? 0 : right + DAY_GAP;
    if (left + own > width && right > 0) {
      top = bottom;
      left = 0;
      right = 0;
    }
    if (left + own <= width) {
      const boxes = placeRow(pictures, top + HEADING_HEIGHT, left, rowHeight);
      days.push({ day, top, left, width: own, boxes });
      right = left + own;
      bottom = top + HEADING_HEIGHT + rowHeight + GAP * 2;
      continue;
    }
    const rows = layOutRows(pictures, top + HEADING_HEIGHT, options);
    days.push({ day, top, left: 0, width, boxes: rows.boxes });
    top = rows.bottom + GAP;
  }
  return { days, height: right > 0 ? bottom : top };
}

/** The width of a day whose pictures stand in one row of the usual height. */
function shortWidth(entries: readonly IndexEntry[], rowHeight: number): number {
  const ratios = entries.reduce((sum, entry) => sum + ratioOf(entry), 0);
  return Math.max(MIN_DAY_WIDTH, ratios * rowHeight + GAP * (entries.length - 1));
}

function placeRow(
  entries: readonly IndexEntry[],
  top: number,
  from: number,
  height: number,
): Box[] {
  let left = from;
  return entries.map((entry) => {
    const box = { entry, left, top, width: ratioOf(entry) * height, height };
    left += box.width + GAP;
    return box;
  });
}

function layOutRows(
  entries: readonly IndexEntry[],
  from: number,
  { width, rowHeight }: LayoutOptions,
): { boxes: Box[]; bottom: number } {
  const boxes: Box[] = [];
  let top = from;
  let row: { readonly entry: IndexEntry; readonly ratio: number }[] = [];
  let ratios = 0;
  const heightOf = () => (width - GAP * (row.length - 1)) / ratios;
  const close = (height: number) => {
    let left = 0;
    for (const { entry, ratio } of row) {
      boxes.push({ entry, left, top, width: ratio * height, height });
      left += ratio * height + GAP;
    }
    top += height + GAP;
    row = [];
    ratios = 0;
  };
  for (const entry of entries) {
    const ratio = ratioOf(entry);
    row.push({ entry, ratio });
    ratios += ratio;
    if (heightOf() <= rowHeight * MAX_STRETCH) close(Math.min(heightOf(), rowHeight * MAX_STRETCH));
  }
  // The last row isn't stretched to the full width.
  if (row.length > 0) close(Math.min(heightOf(), rowHeight));
  return { boxes, bottom: top };
}

/** The height of rows: about four pictures a row on a desktop, two on a phone. */
export function rowHeightFor(width: number): number {
  return Math.round(Math.min(260, Math.max(120, width / 4.6)));
}

/** Estimates the height of a month before its pictures are known. */
export function estimateHeight(count: number, { width, rowHeight }: LayoutOptions): number {
  const perRow = Math.max(1, width / (rowHeight * 1.4));
  const rows = Math.ceil(count / perRow);
  // Most rows of a sparse month have a heading.
  return rows * (rowHeight + GAP) + Math.min(rows, 12) * HEADING_HEIGHT;
}

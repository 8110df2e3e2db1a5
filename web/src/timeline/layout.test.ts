import { expect, it } from 'vitest';
import type { IndexEntry } from '../api/types';
import { GAP, layOut, ratioOf, rowHeightFor } from './layout';

const picture = (id: number, width: number, height: number, day = '2026-07-14') =>
  ({ id: String(id), width, height, taken_at: `${day}T10:00:00` }) as IndexEntry;
const dayOf = (entry: IndexEntry) => entry.taken_at.slice(0, 10);

it('fills rows to the full width and keeps the proportions of each picture', () => {
  const sizes = [
    [3, 2],
    [2, 3],
    [16, 9],
    [1, 1],
    [4, 3],
    [3, 4],
    [3, 2],
    [3, 2],
  ] as const;
  const entries = sizes.map(([width, height], id) => picture(id, width * 100, height * 100));
  const { days } = layOut(entries, { width: 1000, rowHeight: 200, dayOf });
  const boxes = days.flatMap((day) => day.boxes);
  expect(boxes.map(({ entry }) => entry.id)).toEqual(entries.map(({ id }) => id));
  for (const { entry, width, height } of boxes) {
    expect(width / height).toBeCloseTo(ratioOf(entry), 5);
  }
  const tops = [...new Set(boxes.map(({ top }) => top))];
  for (const top of tops.slice(0, -1)) {
    const row = boxes.filter((box) => box.top === top);
    const right = Math.max(...row.map(({ left, width }) => left + width));
    expect(right).toBeCloseTo(1000, 5);
  }
});

it('stretches neither a last row nor a single picture', () => {
  const { days } = layOut([picture(1, 300, 200)], { width: 1000, rowHeight: 200, dayOf });
  expect(days[0]?.boxes[0]).toMatchObject({ left: 0, width: 300, height: 200 });
});

it('places days with few pictures side by side', () => {
  const entries = ['2026-07-16', '2026-07-15', '2026-07-14'].map((day, id) =>
    picture(id, 300, 200, day),
  );
  const { days } = layOut(entries, { width: 700, rowHeight: 200, dayOf });
  expect(days.map(({ left, top }) => [left, top])).toEqual([
    [0, 0],
    [318, 0],
    [0, 256],
  ]);
  expect(days[1]?.boxes[0]).toMatchObject({ left: 318, top: 44 });
});

it('gives every day a heading above its rows, without overlaps', () => {
  const entries = ['2026-07-15', '2026-07-14'].flatMap((day, of) =>
    Array.from({ length: 5 }, (_, at) => picture(of * 10 + at, 300, 200, day)),
  );
  const { days, height } = layOut(entries, { width: 800, rowHeight: 180, dayOf });
  expect(days.map(({ day }) => day)).toEqual(['2026-07-15', '2026-07-14']);
  const bottom = Math.max(...(days[0]?.boxes.map((box) => box.top + box.height) ?? []));
  expect(days[1]?.top).toBeGreaterThanOrEqual(bottom + GAP);
  expect(height).toBeGreaterThan(days[1]?.top ?? 0);
});

it('limits extreme proportions, and fits a panorama into a phone', () => {
  expect(ratioOf({ width: 10_000, height: 100 })).toBe(3.2);
  expect(ratioOf({ width: 10, height: 5_000 })).toBe(0.45);
  expect(ratioOf({ width: 0, height: 0 })).toBeCloseTo(4 / 3);
  const { days } = layOut([picture(1, 9_000, 1_000)], {
    width: 296,
    rowHeight: rowHeightFor(296),
    dayOf,
  });
  expect(days[0]?.boxes[0]?.width).toBeLessThanOrEqual(296);
});

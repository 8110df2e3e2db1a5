import { expect, it } from 'vitest';
import type { IndexEntry } from '../api/types';
import { move, type Placed } from './geometry';

/** Two rows: three pictures above two wider ones. */
const places: Placed[] = (
  [
    ['a', 0, 0, 100],
    ['b', 110, 0, 100],
    ['c', 220, 0, 100],
    ['d', 0, 200, 155],
    ['e', 165, 200, 155],
  ] as const
).map(([id, left, top, width]) => ({
  top,
  box: { entry: { id } as IndexEntry, left, top, width, height: 190 },
}));
function from(id: string): Placed {
  const place = places.find(({ box }) => box.entry.id === id);
  if (place === undefined) throw new Error(`no picture ${id}`);
  return place;
}

it.each([
  ['a', 'ArrowRight', 'b'],
  ['c', 'ArrowRight', 'd'],
  ['d', 'ArrowLeft', 'c'],
  ['a', 'ArrowDown', 'd'],
  ['c', 'ArrowDown', 'e'],
  ['e', 'ArrowUp', 'c'],
  ['a', 'ArrowUp', undefined],
  ['e', 'ArrowRight', undefined],
])('moves from %s with %s to %s', (id, key, to) => {
  expect(move(places, from(id), key)?.box.entry.id).toBe(to);
});

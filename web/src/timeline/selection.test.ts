import { afterEach, expect, it } from 'vitest';
import { clearSelection, selectionStore, selectRange, toggleSelected } from './selection';

afterEach(clearSelection);

const pictures = ['a', 'b', 'c', 'd'].map((id) => ({ id, title: id.toUpperCase() }));
const [a, b, , d] = pictures as [
  (typeof pictures)[0],
  (typeof pictures)[0],
  unknown,
  (typeof pictures)[0],
];
const ids = () => [...selectionStore.get().keys()];

it('toggles a picture', () => {
  toggleSelected(a);
  toggleSelected(b);
  toggleSelected(a);
  expect(ids()).toEqual(['b']);
});

it('extends the selection in both directions from the last toggled picture', () => {
  toggleSelected(b);
  selectRange(pictures, d);
  expect(ids()).toEqual(['b', 'c', 'd']);
  selectRange(pictures, a);
  expect(ids().sort()).toEqual(['a', 'b', 'c', 'd']);
});

it('selects one picture if there is nothing to extend from', () => {
  selectRange(pictures, d);
  expect(ids()).toEqual(['d']);
});

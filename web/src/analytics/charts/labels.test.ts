import { expect, it } from 'vitest';
import { labelsThatFit } from './labels';

it('writes as many labels as there is room for, and none twice in a row', () => {
  expect(labelsThatFit(['a', 'a', 'b', 'b', 'c'], 1_000)).toEqual([0, 2, 4]);
  expect(labelsThatFit(['10:00', '11:00', '12:00', '13:00'], 110)).toEqual([0, 2]);
  expect(labelsThatFit(['10:00', '11:00'], 10)).toEqual([0]);
});

it('has nothing to write for nothing', () => {
  expect(labelsThatFit([], 100)).toEqual([]);
});

import { expect, it } from 'vitest';
import { labelsThatFit } from './labels';

it('picks as many labels as fit and skips repeated neighbours', () => {
  expect(labelsThatFit(['a', 'a', 'b', 'b', 'c'], 1_000)).toEqual([0, 2, 4]);
  expect(labelsThatFit(['10:00', '11:00', '12:00', '13:00'], 110)).toEqual([0, 2]);
  expect(labelsThatFit(['10:00', '11:00'], 10)).toEqual([0]);
});

it('picks nothing from an empty list', () => {
  expect(labelsThatFit([], 100)).toEqual([]);
});

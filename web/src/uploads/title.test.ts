import { expect, it } from 'vitest';
import { cleanTitle, titleOf } from './title';

it.each([
  ['Summer at the lake.JPG', 'Summer at the lake'],
  ['green-valley.png', 'green valley'],
  ['IMG_2024.webp', 'IMG 2024'],
  ['2026-05-01.avif', '2026-05-01'],
  ['v1.2 final.png', 'v1.2 final'],
  ['Grüße-nach-Köln.gif', 'Grüße nach Köln'],
  ['no ending', 'no ending'],
  ['.png', 'Untitled'],
])('turns the file name %s into the title %s', (name, title) => {
  expect(titleOf(name)).toBe(title);
});

it('removes control characters and limits the length as the contract does', () => {
  expect(cleanTitle('one\r\n\ttwo')).toBe('one two');
  expect(Array.from(cleanTitle('🙂'.repeat(300)))).toHaveLength(255);
});

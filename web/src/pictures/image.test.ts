import { expect, it } from 'vitest';
import { fileName, toBase64, toBlob } from './image';

it('converts between base64 and bytes', async () => {
  const bytes = Uint8Array.from({ length: 256 }, (_, i) => i);
  const base64 = await toBase64(new Blob([bytes]));
  const blob = toBlob(base64, 'image/png');
  expect(blob.type).toBe('image/png');
  expect(await toBase64(blob)).toBe(base64);
  expect(atob(base64)).toHaveLength(256);
});

it.each(['text/html', 'image/svg+xml', ''])(
  'treats the content type "%s" as plain bytes',
  (type) => {
    expect(toBlob('AAAA', type).type).toBe('application/octet-stream');
  },
);

it.each([
  ['Summer', 'image/jpeg', 'Summer.jpg'],
  ['a/b: c?', 'image/webp', 'a-b- c-.webp'],
  ['..', 'image/png', 'picture.png'],
  ['Notes', 'text/plain', 'Notes'],
])('names the file for title %s (%s) %s', (title, type, name) => {
  expect(fileName(title, type)).toBe(name);
});

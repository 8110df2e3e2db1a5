import { expect, it } from 'vitest';
import { FileNames } from './names';

it('tells equal names apart, whatever their case and form', () => {
  const names = new FileNames();
  expect(names.take('Harbour', 'jpg')).toBe('Harbour.jpg');
  expect(names.take('harbour', 'jpg')).toBe('harbour (2).jpg');
  expect(names.take('HARBOUR', 'jpg')).toBe('HARBOUR (3).jpg');
  expect(names.take('Harbour', 'png')).toBe('Harbour.png');
  expect(names.take('Caf\u00e9', 'jpg')).toBe('Caf\u00e9.jpg');
  expect(names.take('Cafe\u0301', 'jpg')).toBe('Caf\u00e9 (2).jpg');
  // A title that looks like a name already given.
  expect(names.take('Harbour (2)', 'jpg')).toBe('Harbour (2) (2).jpg');
});

it.each([
  ['a/b\\c:d', 'a-b-c-d.jpg'],
  ['../../etc/passwd', '-..-etc-passwd.jpg'],
  ['..', 'picture.jpg'],
  ['', 'picture.jpg'],
  ['trailing. . ', 'trailing.jpg'],
  ['CON', '_CON.jpg'],
  ['nul.backup', '_nul.backup.jpg'],
  ['console', 'console.jpg'],
  ['line\nbreak', 'line-break.jpg'],
  ['photo\u202egpj.exe', 'photogpj.exe.jpg'],
  ['\u200b', 'picture.jpg'],
])('makes a valid name of %j', (title, expected) => {
  expect(new FileNames().take(title, 'jpg')).toBe(expected);
});

it('shortens long names between characters', () => {
  const names = new FileNames();
  const size = (text: string) => new TextEncoder().encode(text).length;
  for (const title of ['a'.repeat(255), 'é'.repeat(255), '👩‍👩‍👧'.repeat(60)]) {
    const first = names.take(title, 'jpg');
    const second = names.take(title, 'jpg');
    expect(size(first)).toBeLessThanOrEqual(200);
    expect(size(second)).toBeLessThanOrEqual(200);
    expect(second).toMatch(/ \(2\)\.jpg$/);
    expect(first).not.toContain('\ufffd');
    expect(() => encodeURIComponent(first)).not.toThrow();
  }
});

it('keeps a name without an ending', () => {
  expect(new FileNames().take('calls', '')).toBe('calls');
});

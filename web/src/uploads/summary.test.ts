import { expect, it } from 'vitest';
import { type Counts, headline, milestone } from './summary';

const NONE: Counts = {
  checking: 0,
  refused: 0,
  duplicate: 0,
  waiting: 0,
  sending: 0,
  stored: 0,
  failed: 0,
  cancelled: 0,
};

it('names what is under way, then what came of it', () => {
  expect(headline({ ...NONE, checking: 2 }, false)).toBe('Checking files');
  expect(headline({ ...NONE, sending: 1 }, false)).toBe('Uploading 1 picture');
  expect(headline({ ...NONE, sending: 3, waiting: 5, stored: 9 }, false)).toBe(
    'Uploading 8 pictures',
  );
  expect(headline({ ...NONE, waiting: 2 }, true)).toBe('Paused: 2 pictures left');
  expect(headline({ ...NONE, stored: 3, failed: 1, duplicate: 2 }, false)).toBe(
    '3 uploaded, 1 failed, 2 duplicates',
  );
});

it('announces quarters instead of every picture', () => {
  const texts = new Set<string>();
  for (let stored = 0; stored < 100; stored++) {
    texts.add(milestone({ ...NONE, stored, waiting: 100 - stored }, false, false));
  }
  expect([...texts]).toEqual([
    'Uploading.',
    'Uploading, 25 % done.',
    'Uploading, 50 % done.',
    'Uploading, 75 % done.',
  ]);
  expect(milestone({ ...NONE, stored: 100 }, false, false)).toBe('100 uploaded');
});

it('announces a pause and a lost connection', () => {
  expect(milestone({ ...NONE, sending: 1 }, true, false)).toBe('Uploads paused.');
  expect(milestone({ ...NONE, sending: 1 }, false, true)).toMatch(/waiting for a connection/);
});

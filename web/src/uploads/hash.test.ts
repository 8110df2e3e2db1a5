import { createHash } from 'node:crypto';
import { expect, it, vi } from 'vitest';
import { sha256 } from './hash';

const BYTES = Uint8Array.from({ length: 100_000 }, (_, i) => i % 251);
const EXPECTED = createHash('sha256').update(BYTES).digest('base64');

it('hashes with the browser’s own function', async () => {
  const digest = vi.spyOn(crypto.subtle, 'digest');
  expect(await sha256(new Blob([BYTES]))).toBe(EXPECTED);
  expect(digest).toHaveBeenCalledOnce();
});

it('hashes where the browser has none, as on plain http', async () => {
  vi.stubGlobal('crypto', { subtle: undefined });
  expect(await sha256(new Blob([BYTES]))).toBe(EXPECTED);
});

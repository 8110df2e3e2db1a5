import { describe, expect, it } from 'vitest';
import { LIMITS } from '../lib/limits';
import { fileOf, HEADS } from '../test/images';
import { checkFile, imageTypeOf } from './checkFile';

describe('imageTypeOf', () => {
  it.each([
    ['png', 'image/png'],
    ['jpeg', 'image/jpeg'],
    ['gif', 'image/gif'],
    ['webp', 'image/webp'],
    ['avif', 'image/avif'],
    ['avifCompatible', 'image/avif'],
  ] as const)('detects %s from its first bytes', (kind, type) => {
    expect(imageTypeOf(Uint8Array.from(HEADS[kind]))).toBe(type);
  });

  it.each(['heic', 'mp4', 'pdf', 'svg', 'text'] as const)('rejects %s', (kind) => {
    expect(imageTypeOf(Uint8Array.from(HEADS[kind]))).toBeUndefined();
  });

  it('rejects truncated files', () => {
    for (const head of Object.values(HEADS)) {
      expect(imageTypeOf(Uint8Array.from(head.slice(0, 2)))).toBeUndefined();
    }
    expect(imageTypeOf(new Uint8Array())).toBeUndefined();
  });
});

describe('checkFile', () => {
  it('goes by the bytes, not the name', async () => {
    expect(await checkFile(fileOf('jpeg', 'photo.png'))).toEqual({ ok: true, type: 'image/jpeg' });
    expect(await checkFile(fileOf('pdf', 'photo.png'))).toMatchObject({ ok: false });
  });

  it.each([
    ['heic', /HEIC picture, which this browser can’t convert\. .*Export this one as JPEG\.$/],
    ['mp4', /^This is a video\. Only pictures can be uploaded\.$/],
    ['pdf', /^This is a PDF\. Upload a screenshot, or export its pages/],
    ['svg', /^This is an SVG drawing\. Save it as PNG or JPEG/],
    ['text', /^This is not a picture\. PNG, JPEG, GIF, WebP or AVIF can be uploaded\.$/],
  ] as const)('explains why a %s is refused, and the way out', async (kind, reason) => {
    const check = await checkFile(fileOf(kind, 'file'));
    expect(check).toMatchObject({ ok: false });
    expect(check.ok ? '' : check.reason).toMatch(reason);
  });

  it('accepts a picture at the limit and refuses one byte more', async () => {
    const { pictureBytes } = LIMITS;
    expect(await checkFile(fileOf('png', 'a.png', pictureBytes))).toMatchObject({ ok: true });
    expect(await checkFile(fileOf('png', 'a.png', pictureBytes + 1))).toEqual({
      ok: false,
      reason: 'Too large: 64.1 MB. The limit is 64 MB. Save it as JPEG or in a smaller size.',
    });
  });

  it('refuses an empty file', async () => {
    expect(await checkFile(new File([], 'a.png'))).toEqual({
      ok: false,
      reason: 'The file is empty.',
    });
  });
});

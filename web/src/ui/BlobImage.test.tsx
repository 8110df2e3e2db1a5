import { render, screen } from '@testing-library/react';
import { expect, it, vi } from 'vitest';
import { BlobImage } from './BlobImage';

it('revokes its blob URL when the blob changes and on unmount', () => {
  let made = 0;
  vi.spyOn(URL, 'createObjectURL').mockImplementation(() => `blob:${String(++made)}`);
  const revoked = vi.spyOn(URL, 'revokeObjectURL');
  const { rerender, unmount } = render(<BlobImage blob={new Blob(['a'])} alt="A" />);
  expect(screen.getByRole('img', { name: 'A' })).toHaveAttribute('src', 'blob:1');

  rerender(<BlobImage blob={new Blob(['b'])} alt="A" />);
  expect(screen.getByRole('img', { name: 'A' })).toHaveAttribute('src', 'blob:2');
  expect(revoked).toHaveBeenLastCalledWith('blob:1');
  unmount();
  expect(revoked).toHaveBeenLastCalledWith('blob:2');
});

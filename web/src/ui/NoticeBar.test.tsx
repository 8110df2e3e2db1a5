import { act, render, screen, waitFor } from '@testing-library/react';
import { expect, it } from 'vitest';
import { NoticeBar } from './NoticeBar';
import { noticeRegion } from './noticeRegion';
import { notify } from './notices';

it('tells of things where screen readers listen already, whatever is hidden from them', async () => {
  const { container } = render(<NoticeBar />);
  const region = noticeRegion();
  expect(region).toHaveAttribute('aria-live', 'polite');
  expect(region).toBeEmptyDOMElement();
  expect(container).not.toContainElement(region);
  // As a dialog does to all that is beside it.
  region.setAttribute('aria-hidden', 'true');
  await waitFor(() => expect(region).not.toHaveAttribute('aria-hidden'));
  act(() => notify('Link copied.'));
  expect(region).toContainElement(screen.getByText('Link copied.'));
});

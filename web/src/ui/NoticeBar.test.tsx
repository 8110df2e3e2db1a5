import { act, render, screen, waitFor } from '@testing-library/react';
import { expect, it } from 'vitest';
import { NoticeBar } from './NoticeBar';
import { noticeRegion } from './noticeRegion';
import { notify } from './notices';

it('announces notices in a live region that stays visible to screen readers', async () => {
  const { container } = render(<NoticeBar />);
  const region = noticeRegion();
  expect(region).toHaveAttribute('aria-live', 'polite');
  expect(region).toBeEmptyDOMElement();
  expect(container).not.toContainElement(region);
  // Dialogs do this to all their siblings.
  region.setAttribute('aria-hidden', 'true');
  await waitFor(() => expect(region).not.toHaveAttribute('aria-hidden'));
  act(() => notify('Link copied.'));
  expect(region).toContainElement(screen.getByText('Link copied.'));
});

import { render, screen } from '@testing-library/react';
import { useState } from 'react';
import { expect, it } from 'vitest';
import { lazyWithPreload } from './lazyWithPreload';

function Counter() {
  const [count, setCount] = useState(0);
  return <button onClick={() => setCount(count + 1)}>{count}</button>;
}

it('keeps its state when it is rendered again', async () => {
  const Lazy = lazyWithPreload(() => Promise.resolve(Counter));
  const { rerender } = render(<Lazy />);
  (await screen.findByRole('button', { name: '0' })).click();
  await screen.findByRole('button', { name: '1' });
  rerender(<Lazy />);
  expect(screen.getByRole('button')).toHaveTextContent('1');
});

it('renders at once when preloaded', async () => {
  const Lazy = lazyWithPreload(() => Promise.resolve(Counter), 'Loading');
  Lazy.preload();
  await Promise.resolve();
  render(<Lazy />);
  expect(screen.getByRole('button', { name: '0' })).toBeVisible();
});

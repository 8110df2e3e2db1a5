import { act, render, screen } from '@testing-library/react';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { useHasRested, watchFlings } from './fling';

let stop: () => void;

beforeEach(() => {
  vi.useFakeTimers();
  stop = watchFlings();
});
afterEach(() => {
  stop();
  vi.useRealTimers();
});

function wait(ms: number) {
  act(() => {
    vi.advanceTimersByTime(ms);
  });
}

/** Scrolls by this many pixels in each of some frames. */
function scroll(pixels: number, frames: number) {
  for (let frame = 0; frame < frames; frame++) {
    act(() => {
      vi.advanceTimersByTime(16);
      window.scrollY += pixels;
      dispatchEvent(new Event('scroll'));
    });
  }
}

function Tile({ name }: { readonly name: string }) {
  return <p>{`${name} ${useHasRested() ? 'full' : 'empty'}`}</p>;
}

it('leaves out what passes too fast to be seen', () => {
  const { rerender } = render(<Tile key="a" name="a" />);
  scroll(30, 5);
  expect(screen.getByText('a full')).toBeVisible();
  scroll(400, 5);
  // What was there before stays.
  screen.getByText('a full');
  rerender(<Tile key="b" name="b" />);
  screen.getByText('b empty');
  wait(60);
  screen.getByText('b empty');
  wait(60);
  screen.getByText('b full');
});

it('shows what a jump leads to at once', () => {
  scroll(30, 1);
  wait(1_000);
  scroll(100_000, 1);
  render(<Tile name="a" />);
  screen.getByText('a full');
});

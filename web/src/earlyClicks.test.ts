import { afterEach, expect, it, vi } from 'vitest';
import { replayLastClick, captureClicks } from './earlyClicks';

afterEach(() => {
  replayLastClick();
  document.body.replaceChildren();
});

it('replays an early click once the app has loaded', () => {
  document.body.innerHTML = '<form><input name="a"><button><span>Log in</span></button></form>';
  const submitted = vi.fn((event: Event) => event.preventDefault());
  captureClicks();
  document.querySelector('span')?.click();
  // The app loads now.
  document.querySelector('form')?.addEventListener('submit', submitted);
  expect(submitted).not.toHaveBeenCalled();
  replayLastClick();
  expect(submitted).toHaveBeenCalledOnce();
  document.querySelector('button')?.click();
  expect(submitted).toHaveBeenCalledTimes(2);
});

it('leaves links alone', () => {
  document.body.innerHTML = '<a href="#there">There</a>';
  captureClicks();
  const click = new MouseEvent('click', { bubbles: true, cancelable: true });
  document.querySelector('a')?.dispatchEvent(click);
  expect(click.defaultPrevented).toBe(false);
});

let clicked: HTMLElement | undefined;

function keep(event: Event): void {
  const button = event.target instanceof Element ? event.target.closest('button') : null;
  if (button === null) return;
  // Nothing answers it yet; of a form it would send the fields to nowhere.
  event.preventDefault();
  clicked = button;
}

/**
 * Keeps what a person clicks on the prerendered page before the app is there. (Enter in a form is
 * a click on its button too.)
 */
export function captureClicks(): void {
  addEventListener('click', keep, true);
}

/** The app is there: does what was clicked last. */
export function replayLastClick(): void {
  const last = clicked;
  stopCapturingClicks();
  last?.click();
}

/** The app will not be there: what is clicked is left to the page itself. */
export function stopCapturingClicks(): void {
  removeEventListener('click', keep, true);
  clicked = undefined;
}

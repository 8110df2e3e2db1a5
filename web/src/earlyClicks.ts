let clicked: HTMLElement | undefined;

function capture(event: Event): void {
  const button = event.target instanceof Element ? event.target.closest('button') : null;
  if (button === null) return;
  // No handler is attached yet, and the browser would submit a form by itself.
  event.preventDefault();
  clicked = button;
}

/**
 * Captures clicks on buttons of the prerendered page until the app has loaded. Pressing Enter in a
 * form also clicks its button.
 */
export function captureClicks(): void {
  addEventListener('click', capture, true);
}

/** Stops capturing and repeats the last captured click. */
export function replayLastClick(): void {
  const last = clicked;
  stopCapturingClicks();
  last?.click();
}

/** Stops capturing and drops any captured click. */
export function stopCapturingClicks(): void {
  removeEventListener('click', capture, true);
  clicked = undefined;
}

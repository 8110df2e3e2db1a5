import { afterEach, expect, it } from 'vitest';
import { captureClicks } from './earlyClicks';
import { showNotLoaded } from './notLoaded';

afterEach(() => document.body.replaceChildren());

it('shows that the app could not be loaded and stops capturing clicks', () => {
  document.body.innerHTML =
    '<div id="root">Loading</div><template id="not-loaded"><button>Reload</button></template>';
  captureClicks();
  const root = document.getElementById('root');
  if (root !== null) showNotLoaded(root);
  expect(root).toHaveTextContent('Reload');
  const click = new MouseEvent('click', { bubbles: true, cancelable: true });
  root?.querySelector('button')?.dispatchEvent(click);
  expect(click.defaultPrevented).toBe(false);
});

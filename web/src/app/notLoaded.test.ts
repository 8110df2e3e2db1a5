import { afterEach, expect, it } from 'vitest';
import { showNotLoaded } from './notLoaded';

afterEach(() => document.body.replaceChildren());

it('replaces the skeleton with the error page', () => {
  document.body.innerHTML =
    '<div id="root">Loading</div><template id="not-loaded"><a href="">Reload</a></template>';
  const root = document.getElementById('root');
  if (root !== null) showNotLoaded(root);
  expect(root?.textContent).toBe('Reload');
});

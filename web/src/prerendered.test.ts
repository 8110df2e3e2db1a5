import { afterEach, beforeEach, expect, it } from 'vitest';
import { SAVED_SESSION_KEY, takeSavedSession } from './api/reloadSession';
import { isPrerendered, PRERENDERED, showPrerendered } from './prerendered';

let root: HTMLElement;

beforeEach(() => {
  root = document.createElement('div');
  document.body.append(root);
  for (const { path } of PRERENDERED) {
    const template = document.createElement('template');
    template.id = `page:${path}`;
    template.innerHTML = `<h1>${path}</h1>`;
    document.body.append(template);
  }
});

afterEach(() => {
  document.body.replaceChildren();
  takeSavedSession();
  history.replaceState(null, '', '/');
});

function shownAt(address: string): string {
  history.replaceState(null, '', address);
  showPrerendered(root);
  return root.textContent;
}

it('redirects / to the login when signed out', () => {
  expect(shownAt('/')).toBe('/login');
  expect(location.pathname).toBe('/login');
  expect(isPrerendered(root, false)).toBe(true);
});

it('redirects / to the pictures when signed in', () => {
  sessionStorage.setItem(SAVED_SESSION_KEY, '{}');
  expect(shownAt('/')).toBe('/pictures');
  expect(isPrerendered(root, true)).toBe(true);
  // The session has been removed from storage.
  expect(sessionStorage.getItem(SAVED_SESSION_KEY)).toBeNull();
  // The session may turn out to be invalid.
  expect(isPrerendered(root, false)).toBe(false);
});

it.each(['/analytics', '/pictures/7', '/signup?next=1', '/nowhere'])(
  'shows no prerendered page at %s when signed out',
  (address) => {
    expect(shownAt(address)).toBe('');
    expect(isPrerendered(root, false)).toBe(false);
  },
);

it('shows no login when signed in', () => {
  sessionStorage.setItem(SAVED_SESSION_KEY, '{}');
  expect(shownAt('/login')).toBe('');
});

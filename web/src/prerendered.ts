import { hasSavedSession } from './api/reloadSession';

/*
 * Prerendered pages: rendered at build time (`prerender.tsx`) for signed-in or signed-out visitors,
 * and embedded in index.html as templates. `boot.ts` shows the one for the current address before
 * the app's code has loaded. React then hydrates its elements and keeps what has been typed into
 * them.
 */

const PAGES = {
  signedIn: ['/pictures', '/analytics'],
  signedOut: ['/login', '/signup'],
} as const;

type Audience = keyof typeof PAGES;

/** The path of each prerendered page, and who sees it. */
export const PRERENDERED = (['signedIn', 'signedOut'] as const).flatMap((audience) =>
  PAGES[audience].map((path) => ({ path, audience })),
);

/** The data attribute of the root element that records which audience the page was shown to. */
const SHOWN_TO = 'prerendered';

/** Shows the prerendered page for the current address and audience, if there is one. */
export function showPrerendered(root: HTMLElement): void {
  const audience: Audience = hasSavedSession() ? 'signedIn' : 'signedOut';
  if (location.pathname === '/') history.replaceState(null, '', PAGES[audience][0]);
  // A prerendered page can't reflect the query string.
  if (location.search !== '') return;
  const page = PRERENDERED.find((page) => page.path === location.pathname);
  const template = document.getElementById(`page:${location.pathname}`);
  if (page?.audience !== audience || !(template instanceof HTMLTemplateElement)) return;
  root.replaceChildren(template.content.cloneNode(true));
  root.dataset[SHOWN_TO] = audience;
}

/** Whether the root shows a prerendered page that still fits the visitor's session. */
export function isPrerendered(root: HTMLElement, loggedIn: boolean): boolean {
  return root.dataset[SHOWN_TO] === (loggedIn ? 'signedIn' : 'signedOut');
}

import { isParked } from './api/parked';

/*
 * The app's pages as they are before anything is known but whether somebody is logged in:
 * rendered when the app is built (`prerender.tsx`) and put into index.html as templates. The one
 * that is asked for is shown before any of the app's code is there; React then takes its elements
 * over as they are, with what has been typed into them.
 */

const PAGES = { in: ['/pictures', '/analytics'], out: ['/login', '/signup'] } as const;

type Whose = keyof typeof PAGES;

/** Each page's address, and whether it is for people who are logged in. */
export const PRERENDERED = (['in', 'out'] as const).flatMap((whose) =>
  PAGES[whose].map((path) => ({ path, whose })),
);

const MARK = 'prerendered';

/** Shows the prerendered page of this address, if there is one for whoever is here. */
export function showPrerendered(root: HTMLElement): void {
  const whose: Whose = isParked() ? 'in' : 'out';
  // The front door leads on at once.
  if (location.pathname === '/') history.replaceState(null, '', PAGES[whose][0]);
  // What an address asks for beyond its path, the prerendered page doesn't know.
  if (location.search !== '') return;
  const page = PRERENDERED.find((page) => page.path === location.pathname);
  const template = document.getElementById(`page:${location.pathname}`);
  if (page?.whose !== whose || !(template instanceof HTMLTemplateElement)) return;
  root.replaceChildren(template.content.cloneNode(true));
  root.dataset[MARK] = whose;
}

/** Whether what is shown is a prerendered page for whoever is here by now. */
export function isPrerendered(root: HTMLElement, loggedIn: boolean): boolean {
  return root.dataset[MARK] === (loggedIn ? 'in' : 'out');
}

import { createStore } from './store';

/** What `public/scheme.js` reads before the first paint. */
const KEY = 'trichrome.scheme';

export const SCHEMES = ['light', 'dark', 'system'] as const;
export type Scheme = (typeof SCHEMES)[number];

function remembered(): Scheme {
  try {
    const value = localStorage.getItem(KEY);
    return SCHEMES.find((scheme) => scheme === value) ?? 'system';
  } catch {
    return 'system'; // Storage is off: the choice lasts as long as the page.
  }
}

/** Light, dark, or as the system has it. */
export const schemeStore = createStore<Scheme>(remembered());

export function chooseScheme(scheme: Scheme): void {
  schemeStore.set(scheme);
  try {
    localStorage.setItem(KEY, scheme);
  } catch {
    // Storage is off: see above.
  }
}

/** Keeps the page in the chosen scheme: when it, or the system's, changes, here or in another tab. */
export function followScheme(): void {
  const dark = matchMedia('(prefers-color-scheme: dark)');
  const apply = () => {
    const scheme = schemeStore.get();
    const isDark = scheme === 'system' ? dark.matches : scheme === 'dark';
    document.documentElement.dataset['scheme'] = isDark ? 'dark' : 'light';
  };
  schemeStore.subscribe(apply);
  dark.addEventListener('change', apply);
  addEventListener('storage', ({ key }) => {
    if (key === KEY) schemeStore.set(remembered());
  });
}

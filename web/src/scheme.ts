import { createChoice } from './choice';

/** What `public/scheme.js` reads before the first paint. */
const KEY = 'trichrome.scheme';

const SCHEMES = ['light', 'dark', 'system'] as const;

/** Light, dark, or as the system has it. */
const scheme = createChoice(KEY, SCHEMES, 'system');
export const { store: schemeStore, choose: chooseScheme } = scheme;

/** Keeps the page in the chosen scheme: when it, or the system's, changes, here or in another tab. */
export function followScheme(): void {
  const dark = matchMedia('(prefers-color-scheme: dark)');
  const apply = () => {
    const chosen = schemeStore.get();
    const isDark = chosen === 'system' ? dark.matches : chosen === 'dark';
    document.documentElement.dataset['scheme'] = isDark ? 'dark' : 'light';
  };
  schemeStore.subscribe(apply);
  dark.addEventListener('change', apply);
  addEventListener('storage', ({ key }) => {
    if (key === KEY) scheme.recall();
  });
}

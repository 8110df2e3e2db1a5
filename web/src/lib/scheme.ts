import { createChoice } from './choice';

/** The localStorage key, which `public/scheme.js` also reads. */
const KEY = 'trichrome.scheme';

const SCHEMES = ['light', 'dark', 'system'] as const;

const scheme = createChoice(KEY, SCHEMES, 'system');
export const { store: schemeStore, choose: chooseScheme } = scheme;

/** Applies the chosen scheme whenever it changes here, in another tab or in the system. */
export function followScheme(): void {
  const dark = matchMedia('(prefers-color-scheme: dark)');
  const apply = () => {
    const chosen = schemeStore.get();
    const isDark = chosen === 'system' ? dark.matches : chosen === 'dark';
    document.documentElement.dataset.scheme = isDark ? 'dark' : 'light';
  };
  schemeStore.subscribe(apply);
  dark.addEventListener('change', apply);
  addEventListener('storage', ({ key }) => {
    if (key === KEY) scheme.reload();
  });
}

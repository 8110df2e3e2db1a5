/** Loads what draws charts: the page does so ahead of its first one. */
export const loadLibrary = () => import('./library');

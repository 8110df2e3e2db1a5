/** Loads Chart.js. The page calls it before the first chart is drawn. */
export const loadLibrary = () => import('./library');

// Runs first and stays small. It shows the prerendered page and lets the browser paint before the
// app's code runs. index.html preloads that code in the meantime (see `preloadApp` in
// vite.config.ts).
import './styles/index.css';
import { hasSavedSession } from './api/reloadSession';
import { captureClicks } from './earlyClicks';
import { showNotLoaded } from './notLoaded';
import { showPrerendered } from './prerendered';

captureClicks();
const root = document.getElementById('root');
if (root !== null) showPrerendered(root);

const start = () => {
  // A failed early import is reported where the module is needed.
  const early = (module: Promise<unknown>) => module.catch(() => undefined);
  void early(import('./prefetchPage'));
  import('./main').catch(() => root !== null && showNotLoaded(root));
  // Starts the page's own code early instead of waiting for the app to import it.
  if (location.pathname === '/analytics' && hasSavedSession()) {
    void early(import('./analytics/AnalyticsPage'));
  }
};

if (document.visibilityState === 'visible') {
  requestAnimationFrame(() => setTimeout(start));
} else {
  // Background tabs get no animation frames.
  start();
}

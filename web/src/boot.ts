// The first thing that runs, and nearly nothing: it shows the page as it was prerendered, and lets
// the browser paint it before the app's code takes the processor. index.html preloads that code
// meanwhile (see `preloadApp` in vite.config.ts), so nothing arrives later for it.
import './styles/index.css';
import { hasSavedSession } from './api/reloadSession';
import { captureClicks } from './earlyClicks';
import { showNotLoaded } from './notLoaded';
import { showPrerendered } from './prerendered';

captureClicks();
const root = document.getElementById('root');
if (root !== null) showPrerendered(root);

const start = () => {
  // Whoever needs what did not come here says so.
  const early = (part: Promise<unknown>) => part.catch(() => undefined);
  void early(import('./prefetchPage'));
  import('./main').catch(() => root !== null && showNotLoaded(root));
  // Not left to be found out by what surrounds it.
  if (location.pathname === '/analytics' && hasSavedSession()) {
    void early(import('./analytics/AnalyticsPage'));
  }
};

if (document.visibilityState === 'visible') {
  requestAnimationFrame(() => setTimeout(start));
} else {
  // A tab in the background gets no frames.
  start();
}

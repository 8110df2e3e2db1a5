// Runs first and stays small. index.html contains a static skeleton of the page; this module lets the
// browser paint it before the app's code runs. index.html preloads that code in the meantime (see
// `preloadApp` in vite.config.ts).
import '../ui/styles/index.css';
import { hasSavedSession } from '../api/savedSession';
import { showNotLoaded } from './notLoaded';

const root = document.getElementById('root');
const loggedIn = hasSavedSession();
// Selects the skeleton: the frame of the app's pages, or the login's.
if (root !== null) root.dataset.audience = loggedIn ? 'signedIn' : 'signedOut';

const start = () => {
  // A failed early import is reported where the module is needed.
  const early = (module: Promise<unknown>) => module.catch(() => undefined);
  void early(import('./prefetchPage'));
  import('./main').catch(() => root !== null && showNotLoaded(root));
  // Starts the page's own code early instead of waiting for the app to import it.
  if (location.pathname === '/analytics' && loggedIn) {
    void early(import('../analytics/AnalyticsPage'));
  }
};

if (document.visibilityState === 'visible') {
  requestAnimationFrame(() => setTimeout(start));
} else {
  // Background tabs get no animation frames.
  start();
}

// The first thing that runs, and nearly nothing: it lets the browser paint the mark that stands in
// index.html before the app's code takes the processor. index.html preloads that code meanwhile
// (see `preloadApp` in vite.config.ts), so nothing arrives later for it.
import './start.css';

const start = () => void import('./main');

if (document.visibilityState === 'visible') {
  requestAnimationFrame(() => setTimeout(start));
} else {
  // A tab in the background gets no frames.
  start();
}

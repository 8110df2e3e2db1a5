import { startTransition, StrictMode } from 'react';
import { createRoot, hydrateRoot } from 'react-dom/client';
import { BrowserRouter } from 'react-router';
import { freezePrerendered, sessionStore } from './api/session';
import { App } from './App';
import { preloadPage } from './parts';
import { showNotLoaded } from './notLoaded';
import { isPrerendered } from './prerendered';
import { createQueryClient } from './queryClient';
import { followScheme } from './scheme';
import { ReplayClicks } from './ReplayClicks';

async function start(root: HTMLElement): Promise<void> {
  followScheme();
  const queryClient = createQueryClient();
  // Hydration needs the page's code.
  if (sessionStore.get().session !== null) await preloadPage(location.pathname);

  const app = (
    <StrictMode>
      <BrowserRouter>
        <ReplayClicks>
          <App queryClient={queryClient} />
        </ReplayClicks>
      </BrowserRouter>
    </StrictMode>
  );
  // A transition splits the first render into slices, which keeps slow phones responsive.
  startTransition(() => {
    if (isPrerendered(root, sessionStore.get().session !== null)) {
      freezePrerendered();
      hydrateRoot(root, app);
    } else {
      createRoot(root).render(app);
    }
  });
}

const root = document.getElementById('root');
if (root === null) throw new Error('index.html has no #root');
// Not awaited: the preloaded page imports modules that wait for this one to finish.
start(root).catch(() => showNotLoaded(root));

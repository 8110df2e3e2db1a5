import { startTransition, StrictMode } from 'react';
import { createRoot } from 'react-dom/client';
import { BrowserRouter } from 'react-router';
import { followScheme } from '../lib/scheme';
import { App } from './App';
import { createQueryClient } from './queryClient';

const root = document.getElementById('root');
if (root === null) throw new Error('index.html has no #root');
followScheme();
const queryClient = createQueryClient();
const reactRoot = createRoot(root);
// A transition splits the first render into slices, which keeps slow phones responsive. It also
// keeps the skeleton on screen until the page's own code has loaded.
startTransition(() =>
  reactRoot.render(
    <StrictMode>
      <BrowserRouter>
        <App queryClient={queryClient} />
      </BrowserRouter>
    </StrictMode>,
  ),
);

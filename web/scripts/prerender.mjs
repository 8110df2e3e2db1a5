// Renders the app's first pages and embeds them in the built index.html (see src/prerendered.ts).
import { readFile, writeFile } from 'node:fs/promises';
import { createServer } from 'vite';

const INDEX = new URL('../dist/index.html', import.meta.url);
const PLACE = '<!-- prerendered pages -->';

// The browser runs React's production build, whose markup must match.
process.env.NODE_ENV = 'production';
// The browser globals that the app's modules use while loading.
Object.assign(globalThis, {
  location: new URL('http://localhost/'),
  addEventListener: () => undefined,
});

// Used only to load the app's modules in Node.js; it serves nothing.
const vite = await createServer({
  configFile: false,
  appType: 'custom',
  logLevel: 'error',
  optimizeDeps: { noDiscovery: true },
  server: { middlewareMode: true, ws: false, watch: null },
});
const { prerender } = await vite.ssrLoadModule('/src/prerender.tsx');
const pages = await prerender();
await vite.close();

const html = await readFile(INDEX, 'utf8');
if (!html.includes(PLACE)) throw new Error(`index.html has no ${PLACE}`);
await writeFile(
  INDEX,
  html.replace(PLACE, () => pages),
);

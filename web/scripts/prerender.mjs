// Puts the app's first pages, as React renders them, into the built index.html (see
// src/prerendered.ts).
import { readFile, writeFile } from 'node:fs/promises';
import { createServer } from 'vite';

const INDEX = new URL('../dist/index.html', import.meta.url);
const PLACE = '<!-- prerendered pages -->';

// As the browser will: the development build of React would say more.
process.env.NODE_ENV = 'production';
// The little of a browser that the app's modules ask for as they are loaded.
Object.assign(globalThis, {
  location: new URL('http://localhost/'),
  addEventListener: () => undefined,
});

// Not to serve anything: it is what loads the app's modules in Node.js.
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

import react from '@vitejs/plugin-react';
import type { Plugin } from 'vite';
import { defineConfig } from 'vitest/config';

/** The gateway that `npm run dev` talks to: the one that `cargo xtask up` starts. */
const gateway = process.env['TRICHROME_GATEWAY'] ?? 'http://127.0.0.1:3005';

/** What `src/boot.ts` imports, but only after the first paint. */
const AFTER_PAINT = ['/src/prefetchPage.ts', '/src/main.tsx'];

/** Has index.html preload the app's code, so that nothing arrives later for waiting. */
function preloadApp(): Plugin {
  return {
    name: 'preload-app',
    transformIndexHtml: {
      order: 'post',
      handler(html, { bundle }) {
        // The development server has no files yet to preload.
        if (bundle === undefined) return [];
        const chunks = Object.values(bundle).filter((file) => file.type === 'chunk');
        const files = new Set<string>();
        const add = (name: string) => {
          const file = bundle[name];
          if (file?.type !== 'chunk' || files.has(name) || html.includes(name)) return;
          files.add(name);
          file.imports.forEach(add);
        };
        for (const end of AFTER_PAINT) {
          const chunk = chunks.find(({ moduleIds }) => moduleIds.some((id) => id.endsWith(end)));
          if (chunk === undefined) throw new Error(`nothing built has ${end}`);
          add(chunk.fileName);
        }
        return [...files].map((name) => ({
          tag: 'link',
          // Behind the style sheet, which the first paint is waiting for.
          attrs: {
            rel: 'modulepreload',
            crossorigin: true,
            fetchpriority: 'low',
            href: `/${name}`,
          },
          injectTo: 'head',
        }));
      },
    },
  };
}

export default defineConfig({
  plugins: [react(), preloadApp()],
  build: {
    target: 'es2023',
    // The Content-Security-Policy takes no data: addresses.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    rolldownOptions: {
      output: {
        // What always comes together comes as one file. What a group needs is in it too, unless
        // a group above has it.
        codeSplitting: {
          groups: [
            {
              name: 'boot',
              test: /src\/boot\.ts|vite\/preload-helper|rolldown.runtime/,
              priority: 4,
            },
            { name: 'prefetch', test: /src\/prefetchPage\.ts/, priority: 3 },
            { name: 'app', test: /src\/main\.tsx/, priority: 2 },
            { name: 'floating', test: /src\/ui\/floating\//, priority: 1 },
          ],
        },
      },
    },
  },
  server: {
    host: '127.0.0.1',
    proxy: {
      '^/(rest|grpc|events)/': { target: gateway },
    },
  },
  test: {
    restoreMocks: true,
    unstubGlobals: true,
    testTimeout: 30_000,
    expect: { poll: { timeout: 10_000 } },
    // Dates read the same wherever the tests run.
    env: { TZ: 'UTC' },
    projects: [
      {
        extends: true,
        test: {
          name: 'app',
          environment: 'jsdom',
          include: ['src/**/*.test.{ts,tsx}'],
          setupFiles: ['src/test/setup.ts'],
        },
      },
      {
        extends: true,
        test: { name: 'contract', environment: 'node', include: ['contract/*.test.ts'] },
      },
    ],
  },
});

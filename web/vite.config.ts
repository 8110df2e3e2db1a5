import react from '@vitejs/plugin-react';
import type { Plugin } from 'vite';
import { defineConfig } from 'vitest/config';

/** The gateway for `npm run dev`; by default the one started by `cargo xtask up`. */
const gateway = process.env.TRICHROME_GATEWAY ?? 'http://127.0.0.1:3005';

/** Modules that `src/app/boot.ts` imports after the first paint. */
const AFTER_PAINT = ['/src/app/prefetchPage.ts', '/src/app/main.tsx'];

/** Adds preload links to index.html, so that importing late doesn't mean downloading late. */
function preloadApp(): Plugin {
  return {
    name: 'preload-app',
    transformIndexHtml: {
      order: 'post',
      handler(html, { bundle }) {
        // The development server has no bundle to preload.
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
          if (chunk === undefined) throw new Error(`no chunk contains ${end}`);
          add(chunk.fileName);
        }
        return [...files].map((name) => ({
          tag: 'link',
          // Low priority: the first paint waits for the style sheet.
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
    // The Content-Security-Policy forbids data: URLs.
    assetsInlineLimit: 0,
    // One style sheet, which the first paint waits for: pages don't flash or shift when their parts load.
    cssCodeSplit: false,
    modulePreload: { polyfill: false },
    rolldownOptions: {
      output: {
        // Modules that are always loaded together share a file. A group includes its dependencies,
        // except those in a group with a higher priority.
        codeSplitting: {
          groups: [
            {
              name: 'boot',
              test: /src\/app\/boot\.ts|vite\/preload-helper|rolldown.runtime/,
              priority: 4,
            },
            { name: 'prefetch', test: /src\/app\/prefetchPage\.ts/, priority: 3 },
            { name: 'app', test: /src\/app\/main\.tsx/, priority: 2 },
            { name: 'floating', test: /src\/ui\/floating\//, priority: 1 },
          ],
        },
      },
    },
  },
  server: {
    host: '127.0.0.1',
    proxy: {
      // `mock-pictures`: the mock backend's links to pictures.
      '^/(rest|grpc|events|mock-pictures)/': { target: gateway },
    },
  },
  test: {
    restoreMocks: true,
    unstubGlobals: true,
    testTimeout: 30_000,
    expect: { poll: { timeout: 10_000 } },
    // Keeps formatted dates independent of the machine's time zone.
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

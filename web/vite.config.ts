import react from '@vitejs/plugin-react';
import type { Plugin } from 'vite';
import { defineConfig } from 'vitest/config';

/** The gateway that `npm run dev` talks to: the one that `cargo xtask up` starts. */
const gateway = process.env['TRICHROME_GATEWAY'] ?? 'http://127.0.0.1:3005';

/** Has index.html preload the app's code, which `src/boot.ts` imports only after the first paint. */
function preloadApp(): Plugin {
  return {
    name: 'preload-app',
    transformIndexHtml: {
      order: 'post',
      handler(_, { bundle = {} }) {
        const chunks = Object.values(bundle).filter((file) => file.type === 'chunk');
        const files = new Set<string>();
        const add = (name: string) => {
          const file = bundle[name];
          if (file?.type !== 'chunk' || files.has(name)) return;
          files.add(name);
          file.imports.forEach(add);
        };
        for (const { fileName, facadeModuleId } of chunks) {
          if (facadeModuleId?.endsWith('/src/main.tsx')) add(fileName);
        }
        return [...files].map((name) => ({
          tag: 'link',
          // Behind the style sheet, which the mark is waiting for.
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
    // For scripts/size.mjs: which files a first visit loads.
    manifest: true,
    // The Content-Security-Policy takes no data: addresses.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    chunkSizeWarningLimit: 900,
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

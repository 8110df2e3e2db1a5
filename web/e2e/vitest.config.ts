import { fileURLToPath } from 'node:url';
import { playwright } from '@vitest/browser-playwright';
import react from '@vitejs/plugin-react';
import { defineConfig } from 'vitest/config';
import { CHROMIUM_ARGS, chromiumPath } from '../scripts/chromium.mjs';

const launchOptions = { executablePath: chromiumPath(), args: CHROMIUM_ARGS };

// `vitest run --config e2e/vitest.config.ts` tests a running stack. With `--mode mock` it uses the
// mock backend, to try the tests themselves. The project `layout` needs neither.
export default defineConfig(({ mode }) => ({
  root: fileURLToPath(new URL('..', import.meta.url)),
  test: {
    // Some tests stop a part of the stack, so they must not run in parallel with others.
    fileParallelism: false,
    projects: [
      {
        test: {
          name: 'e2e',
          include: ['e2e/*.test.ts'],
          globalSetup: [
            ...(mode === 'mock' ? ['e2e/support/mock.ts'] : []),
            'e2e/support/globalSetup.ts',
          ],
          environment: 'node',
          testTimeout: 120_000,
          hookTimeout: 60_000,
          // Same timeout as Playwright's.
          expect: { poll: { timeout: 30_000 } },
        },
      },
      {
        plugins: [react()],
        test: {
          name: 'layout',
          include: ['layout/*.test.tsx'],
          setupFiles: ['layout/setup.ts'],
          testTimeout: 60_000,
          browser: {
            enabled: true,
            headless: true,
            screenshotFailures: false,
            provider: playwright({ launchOptions }),
            instances: [{ browser: 'chromium' }],
          },
        },
      },
    ],
  },
}));

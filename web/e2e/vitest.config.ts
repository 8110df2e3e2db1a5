import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';

// `vitest run --config e2e/vitest.config.ts` tests a running stack. With `--mode mock` it uses the
// mock backend, to try the tests themselves.
export default defineConfig(({ mode }) => ({
  root: fileURLToPath(new URL('..', import.meta.url)),
  test: {
    include: ['e2e/*.test.ts'],
    globalSetup: [
      ...(mode === 'mock' ? ['e2e/support/mock.ts'] : []),
      'e2e/support/globalSetup.ts',
    ],
    environment: 'node',
    // Some tests stop a part of the stack, so they must not run in parallel with others.
    fileParallelism: false,
    testTimeout: 120_000,
    hookTimeout: 60_000,
    // Same timeout as Playwright's.
    expect: { poll: { timeout: 30_000 } },
  },
}));

import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';

// `vitest run --config e2e/vitest.config.ts` against a running stack; with `--mode mock` against
// the mock backend, to try the tests themselves.
export default defineConfig(({ mode }) => ({
  root: fileURLToPath(new URL('..', import.meta.url)),
  test: {
    include: ['e2e/*.test.ts'],
    globalSetup: [
      ...(mode === 'mock' ? ['e2e/support/mock.ts'] : []),
      'e2e/support/globalSetup.ts',
    ],
    environment: 'node',
    // One browser, one stack: tests that stop a part of it must not meet others.
    fileParallelism: false,
    testTimeout: 120_000,
    hookTimeout: 60_000,
    // As long as playwright waits, not the second that is usual.
    expect: { poll: { timeout: 30_000 } },
  },
}));

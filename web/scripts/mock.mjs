// Serves the built app with the mock backend. With --dev (`npm run dev:mock`), starts Vite's
// development server on top of it.
// Usage: node scripts/mock.mjs [--dev] [--port <port>] [--pictures <folder>] [--count <n>]
// With --count, the library has this many more pictures, to try a large timeline.
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { createServer, runnerImport } from 'vite';

const { values } = parseArgs({
  options: {
    dev: { type: 'boolean', default: false },
    count: { type: 'string', default: '0' },
    port: { type: 'string', default: '3006' },
    pictures: {
      type: 'string',
      default: fileURLToPath(new URL('../e2e/fixtures', import.meta.url)),
    },
  },
});

const load = async (path) => (await runnerImport(path, { configFile: false })).module;
const { startMockServer } = await load('./mock/server.ts');
const { DEMO, seed, seedLibrary } = await load('./mock/seed.ts');

const server = await startMockServer(Number(values.port));
await seed(server.backend, values.pictures);
seedLibrary(server.backend, DEMO.username, Number(values.count));
Object.assign(server.backend.latency, { rest: 40, grpc: 25, events: 110 });
console.log(`mock backend  ${server.url}`);
if (values.dev) {
  process.env.TRICHROME_GATEWAY = server.url;
  const vite = await createServer();
  await vite.listen();
  vite.printUrls();
}
console.log(`log in with   ${DEMO.username} / ${DEMO.password}`);

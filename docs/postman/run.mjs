// Runs the collection with newman against a running stack, once for each way to reach the
// operations. `TRICHROME_STACK` names the stack's description; else it is `cargo xtask up`'s.
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import newman from 'newman';

const ROOT = new URL('../..', import.meta.url).pathname;
const COLLECTION = new URL('trichrome.postman_collection.json', import.meta.url).pathname;

const path = resolve(ROOT, process.env.TRICHROME_STACK ?? '.local/up/stack.json');
let stack;
try {
  stack = JSON.parse(readFileSync(path, 'utf8'));
} catch {
  console.error(`no stack is running: ${path} can't be read; start one with \`cargo xtask up\``);
  process.exit(1);
}

const bases = [
  ...(stack.rest_url === undefined ? [] : [stack.rest_url]),
  ...['rest', 'grpc', 'events'].map((transport) => `${stack.gateway_url}/${transport}`),
];

function run(base) {
  const options = {
    collection: COLLECTION,
    envVar: [{ key: 'base_url', value: base }],
    timeoutRequest: 30_000,
  };
  return new Promise((done, fail) => {
    newman.run(options, (error, summary) => (error ? fail(error) : done(summary.run)));
  });
}

let failed = 0;
for (const base of bases) {
  const { stats, failures } = await run(base);
  const { total } = stats.assertions;
  console.log(`${base}: ${stats.requests.total} requests, ${total - stats.assertions.failed} of ${total} checks passed`);
  for (const { source, error } of failures) console.log(`  ${source?.name ?? '?'}: ${error.message}`);
  failed += failures.length;
}
process.exit(failed === 0 ? 0 : 1);

// Runs the collection with newman against a running stack, once per transport and once for the REST
// API. `TRICHROME_STACK` names the stack's description file; the default is that of
// `cargo xtask up`. With --report <file>, also writes the counts in Jest's format.
import { readFileSync, writeFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import newman from 'newman';

const ROOT = new URL('../..', import.meta.url).pathname;
const COLLECTION = new URL('trichrome.postman_collection.json', import.meta.url).pathname;

const { values: given } = parseArgs({ options: { report: { type: 'string' } } });

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

/** Whether a request got a response that passed all assertions. */
const passed = ({ requestError, assertions = [] }) =>
  requestError == null && assertions.every(({ error }) => error === undefined);

const counts = { numPassedTests: 0, numFailedTests: 0, numPendingTests: 0 };
for (const base of bases) {
  const { executions, failures } = await run(base);
  const good = executions.filter(passed).length;
  console.log(`${base}: ${good} of ${executions.length} requests passed`);
  for (const { source, error } of failures) console.log(`  ${source?.name ?? '?'}: ${error.message}`);
  counts.numPassedTests += good;
  // Failures outside requests, for example in scripts, count as one failed test.
  counts.numFailedTests += Math.max(executions.length - good, Math.min(failures.length, 1));
}
if (given.report !== undefined) writeFileSync(given.report, JSON.stringify(counts));
process.exitCode = counts.numFailedTests === 0 ? 0 : 1;

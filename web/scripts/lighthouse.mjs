// Runs Lighthouse on each page of the built app, as a mid-range phone and as a desktop. It is a
// report, not a test: the scores depend on the machine's load. It runs against the stack described
// by the file in TRICHROME_STACK, or against the mock backend. Arguments select pages.
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import lighthouse, { desktopConfig } from 'lighthouse';
import puppeteer from 'puppeteer-core';
import { runnerImport } from 'vite';
import { CHROMIUM_ARGS, chromiumPath } from './chromium.mjs';

const GOAL = 95;
/** Visits of each page; the one with the median performance is reported. */
const RUNS = 3;
const CATEGORIES = ['performance', 'accessibility', 'best-practices'];
const PAGES = ['/login', '/pictures', '/analytics'];
const OUT = new URL('../lighthouse/', import.meta.url);
const FIXTURES = fileURLToPath(new URL('../e2e/fixtures', import.meta.url));

const chosen = process.argv.slice(2);

const load = async (path) => (await runnerImport(path, { configFile: false })).module;
const person = { username: `lighthouse-${Date.now()}`, password: 'lighthouse keeper' };

const stack = process.env.TRICHROME_STACK;
const mock =
  stack === undefined ? await (await load('./mock/server.ts')).startMockServer() : undefined;
const base = mock?.url ?? JSON.parse(readFileSync(stack, 'utf8')).gateway_url;
if (mock !== undefined) {
  const { DEMO, seed } = await load('./mock/seed.ts');
  await seed(mock.backend, FIXTURES);
  Object.assign(person, DEMO);
} else {
  const { access_token } = await post('/signup', person);
  for (const name of readdirSync(FIXTURES)) {
    const base64 = readFileSync(join(FIXTURES, name), 'base64');
    await post('/pictures', { title: name, base64 }, access_token);
  }
}

mkdirSync(OUT, { recursive: true });
const browser = await puppeteer.launch({ executablePath: chromiumPath(), args: CHROMIUM_ARGS });
console.log(
  `${'page'.padEnd(22)}${CATEGORIES.map((name) => name.padStart(16)).join('')}${'machine'.padStart(12)}`,
);
for (const [form, config] of [
  ['phone', undefined],
  ['desktop', desktopConfig],
]) {
  for (const path of PAGES.filter((page) => chosen.length === 0 || chosen.includes(page))) {
    const runs = [];
    for (let run = 0; run < RUNS; run++) runs.push(await measure(path, config));
    const performance = ({ lhr }) => lhr.categories.performance?.score ?? 0;
    const median = runs.sort((a, b) => performance(a) - performance(b))[Math.floor(RUNS / 2)];
    writeFileSync(new URL(`${form}${path.replace('/', '-')}.html`, OUT), String(median.report));
    const cells = CATEGORIES.map((name) => {
      const score = Math.round((median.lhr.categories[name]?.score ?? 0) * 100);
      return `${score}${score < GOAL ? ' !' : '  '}`.padStart(16);
    });
    // Lighthouse's estimate of the machine's speed. Below about 1,000 the machine was busy with
    // something else, and the performance score means little.
    const machine = Math.round(median.lhr.environment.benchmarkIndex);
    console.log(`${`${form} ${path}`.padEnd(22)}${cells.join('')}${String(machine).padStart(12)}`);
  }
}
console.log(`\nreports: ${fileURLToPath(OUT)}`);
await browser.close();
await mock?.close();

/** Calls the stack, to sign up and to upload the pictures that the measured page shows. */
async function post(path, body, token) {
  const response = await fetch(`${base}/rest${path}`, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      ...(token !== undefined && { authorization: `Bearer ${token}` }),
    },
    body: JSON.stringify(body),
  });
  if (!response.ok) throw new Error(`POST ${path} returned ${response.status}`);
  return response.json();
}

/** Measures one visit with an empty cache, and without the session of an earlier one. */
async function measure(path, config) {
  const context = await browser.createBrowserContext();
  const page = await context.newPage();
  if (path !== '/login') await logIn(page);
  // Logging in has filled the cache.
  const devtools = await page.createCDPSession();
  await devtools.send('Network.clearBrowserCache');
  await devtools.detach();
  const result = await lighthouse(
    base + path,
    { onlyCategories: CATEGORIES, output: 'html', disableStorageReset: true, logLevel: 'error' },
    config,
    page,
  );
  await context.close();
  if (result === undefined) throw new Error(`Lighthouse returned no result for ${path}`);
  return result;
}

async function logIn(page) {
  await page.goto(`${base}/login`);
  await page.waitForSelector('#username');
  await page.type('#username', person.username);
  await page.type('#password', person.password);
  await page.keyboard.press('Enter');
  await page.waitForSelector('#main');
}

// Lighthouse's report on the built app, page by page, as a person on a middling phone meets it.
// A report, not a test: its figures depend on what else the machine is doing. It runs against the
// stack that TRICHROME_STACK names, else against the mock backend. Arguments choose pages.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import lighthouse, { desktopConfig } from 'lighthouse';
import puppeteer from 'puppeteer-core';
import { runnerImport } from 'vite';
import { CHROMIUM_ARGS, chromiumPath } from './chromium.mjs';

const GOAL = 95;
const CATEGORIES = ['performance', 'accessibility', 'best-practices'];
const PAGES = ['/login', '/pictures', '/analytics'];
const OUT = new URL('../lighthouse/', import.meta.url);
const FIXTURES = new URL('../e2e/fixtures', import.meta.url).pathname;

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
  await fetch(`${base}/rest/signup`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(person),
  });
}

mkdirSync(OUT, { recursive: true });
const browser = await puppeteer.launch({ executablePath: chromiumPath(), args: CHROMIUM_ARGS });
console.log(`${'page'.padEnd(22)}${CATEGORIES.map((name) => name.padStart(16)).join('')}`);
for (const [form, config] of [
  ['phone', undefined],
  ['desktop', desktopConfig],
]) {
  for (const path of PAGES.filter((page) => chosen.length === 0 || chosen.includes(page))) {
    const page = await browser.newPage();
    if (path !== '/login') await logIn(page);
    // A first visit has nothing in its cache, whatever logging in has just loaded.
    const devtools = await page.createCDPSession();
    await devtools.send('Network.clearBrowserCache');
    await devtools.detach();
    const result = await lighthouse(
      base + path,
      { onlyCategories: CATEGORIES, output: 'html', disableStorageReset: true, logLevel: 'error' },
      config,
      page,
    );
    if (result === undefined) throw new Error(`Lighthouse has nothing to say of ${path}`);
    writeFileSync(new URL(`${form}${path.replace('/', '-')}.html`, OUT), String(result.report));
    const scores = CATEGORIES.map((name) =>
      Math.round((result.lhr.categories[name]?.score ?? 0) * 100),
    );
    const cells = scores.map((score) => `${score}${score < GOAL ? ' !' : '  '}`.padStart(16));
    console.log(`${`${form} ${path}`.padEnd(22)}${cells.join('')}`);
    if (process.env.VERBOSE) {
      for (const { id, score, displayValue } of Object.values(result.lhr.audits)) {
        if (score !== null && score < 0.9)
          console.log(`    ${id}  ${score}  ${displayValue ?? ''}`);
      }
    }
    if (process.env.VERBOSE) {
      console.log('   bench', result.lhr.environment.benchmarkIndex);
      for (const i of result.lhr.audits['long-tasks'].details?.items ?? [])
        console.log('   task', i.url.slice(-40), Math.round(i.startTime), Math.round(i.duration));
    }
    await page.close();
  }
}
console.log(`\nreports: ${OUT.pathname}`);
await browser.close();
await mock?.close();

async function logIn(page) {
  await page.goto(`${base}/login`);
  await page.waitForSelector('#username');
  await page.type('#username', person.username);
  await page.type('#password', person.password);
  await page.keyboard.press('Enter');
  await page.waitForSelector('#main');
}

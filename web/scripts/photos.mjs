// Measures the timeline of the built app with the mock backend, as a report: 40 and 60 photos on slow
// 4G on a phone and on a desktop, then scrolling through 5,000, fast and slowly. Not a test: times
// depend on the machine's load, which is printed first.
// Usage: node scripts/photos.mjs [count of the large library]
import { readFileSync } from 'node:fs';
import { loadavg } from 'node:os';
import { chromium } from 'playwright-core';
import { runnerImport } from 'vite';
import { CHROMIUM_ARGS, chromiumPath } from './chromium.mjs';

const FEW = [40, 60];
const LARGE = Number(process.argv[2] ?? 5_000);
/** Lighthouse's slow 4G: 1.6 Mbit/s down, 0.75 Mbit/s up, a round trip of 150 ms. */
const SLOW_4G = {
  offline: false,
  downloadThroughput: (1_600 * 1024) / 8,
  uploadThroughput: (750 * 1024) / 8,
  latency: 150,
};
/** Chromium collects garbage by itself some seconds after a page has come to rest. */
const REST = 20_000;
const FORMS = {
  phone: { viewport: { width: 390, height: 844 }, deviceScaleFactor: 2, hasTouch: true },
  desktop: { viewport: { width: 1280, height: 800 } },
};

const load = async (path) => (await runnerImport(path, { configFile: false })).module;
const { startMockServer } = await load('./mock/server.ts');
const { seedLibrary } = await load('./mock/seed.ts');

const mock = await startMockServer();
for (const count of [0, ...FEW, LARGE]) {
  mock.backend.addUser(`user ${count}`, 'a password');
  seedLibrary(mock.backend, `user ${count}`, count);
}
const browser = await chromium.launch({ executablePath: chromiumPath(), args: CHROMIUM_ARGS });

console.log(`load average of the last minute: ${loadavg()[0]?.toFixed(1)}`);
const runs = FEW.flatMap((count) => Object.keys(FORMS).map((form) => ({ count, form })));
for (const { count, form } of runs) {
  const options = FORMS[form];
  const { page, session, close } = await open(options);
  let bytes = 0;
  session.on('Network.loadingFinished', ({ encodedDataLength }) => (bytes += encodedDataLength));
  await logIn(page, `user ${count}`);
  await page.getByRole('grid').waitFor();
  // A first visit: nothing but the session is kept.
  await page.evaluate(async () => {
    for (const name of await caches.keys()) await caches.delete(name);
  });
  // The page would go on downloading.
  await page.goto('about:blank');
  await session.send('Network.clearBrowserCache');
  await session.send('Network.emulateNetworkConditions', SLOW_4G);
  if (form === 'phone') await session.send('Emulation.setCPUThrottlingRate', { rate: 4 });
  bytes = 0;
  const calls = mock.backend.requests.length;
  const downloads = mock.backend.downloads.length;
  const start = Date.now();
  await page.goto(`${mock.url}/pictures`, { waitUntil: 'commit' });
  const shown = async (count) => {
    await page.waitForFunction(
      (count) => document.querySelectorAll('[role=grid] canvas[data-shown=true]').length >= count,
      count,
      { timeout: 120_000 },
    );
    return ((Date.now() - start) / 1000).toFixed(1);
  };
  const first = await shown(1);
  // A desktop's screen may have room for less than ten.
  const some = Math.min(10, await page.locator('[role=grid] canvas').count());
  const later = await shown(some);
  await scrollThrough(page);
  console.log(
    `${count} photos, slow 4G, ${form}: first ${first} s, ${some} of them ${later} s, ` +
      `${kilo(bytes)} and ${kinds(mock.backend.requests.slice(calls))} for all, ` +
      `${await memory(page)} in the tab`,
  );
  // Downloads end that a reload would abort.
  await page.waitForTimeout(5_000);
  await page.reload();
  await shown(1);
  await scrollThrough(page);
  const all = mock.backend.downloads.slice(downloads);
  console.log(`  with a reload: ${all.length} thumbnails downloaded, ${twice(all)} of them twice`);
  await close();
}

for (const form of Object.keys(FORMS)) {
  {
    const { page, close } = await open(FORMS[form]);
    const blank = await memory(page);
    await logIn(page, 'user 0');
    await page.getByText('No pictures yet').waitFor();
    await page.waitForTimeout(3_000);
    console.log(`${form}: ${blank} in an empty tab, ${await memory(page)} in one without pictures`);
    await close();
  }
  for (const [pace, scroll] of [
    ['as fast as it goes', (page) => scrollThrough(page, 40_000)],
    ['so that every thumbnail is seen', lookThrough],
  ]) {
    const { page, close } = await open(FORMS[form]);
    await logIn(page, `user ${LARGE}`);
    await page.getByRole('grid').waitFor();
    const requests = mock.backend.requests.length;
    const downloads = mock.backend.downloads.length;
    const frames = await scroll(page);
    const tiles = await page.getByRole('grid').getByRole('link').count();
    const scrolled = await memory(page);
    await page.waitForTimeout(REST);
    const own = mock.backend.downloads.slice(downloads);
    console.log(
      `${LARGE} photos, ${form}, scrolled ${pace}: ${scrolled} in the tab, ` +
        `${await memory(page)} after ${REST / 1000} s at rest, ${tiles} tiles on the page, ` +
        `${kinds(mock.backend.requests.slice(requests))}, ${own.length} thumbnails ` +
        `(${twice(own)} of them twice)` +
        (frames === ''
          ? ''
          : `, frames: median ${frames.median} ms, 95th percentile ${frames.p95} ms`),
    );
    await close();
  }
}
await browser.close();
await mock.close();

async function open(options) {
  const context = await browser.newContext({ baseURL: mock.url, ...options });
  const page = await context.newPage();
  const session = await context.newCDPSession(page);
  await session.send('Network.enable');
  return { page, session, close: () => context.close() };
}

async function logIn(page, username) {
  await page.goto('/login');
  await page.getByLabel('Username').fill(username);
  await page.getByRole('textbox', { name: 'Password' }).fill('a password');
  await page.keyboard.press('Enter');
}

/** Scrolls to the end, and returns the times between frames. */
async function scrollThrough(page, most = 20_000) {
  return page.evaluate(async (most) => {
    const gaps = [];
    let last = performance.now();
    const end = last + most;
    while (scrollY + innerHeight < document.documentElement.scrollHeight - 1) {
      scrollBy(0, 400);
      const now = await new Promise(requestAnimationFrame);
      gaps.push(now - last);
      last = now;
      if (now > end) break;
    }
    // The last downloads end.
    await new Promise((resolve) => setTimeout(resolve, 3_000));
    gaps.sort((a, b) => a - b);
    const at = (share) => Math.round(gaps[Math.floor((gaps.length - 1) * share)] ?? 0);
    return { median: at(0.5), p95: at(0.95) };
  }, most);
}

/** Scrolls to the end by most of a screen at a time, each as soon as its thumbnails are shown. */
async function lookThrough(page) {
  await page.evaluate(async () => {
    const onScreen = (element) => {
      const { top, bottom } = element.getBoundingClientRect();
      return bottom > 0 && top < innerHeight;
    };
    const isShown = () => {
      // Months that are being loaded, and pictures that pass too fast to be seen.
      if (document.querySelector('[role=grid]')?.ariaBusy === 'true') return false;
      const passing = document.querySelectorAll('[role=rowgroup] > [role=presentation]');
      if ([...passing].some(onScreen)) return false;
      const tiles = [...document.querySelectorAll('[role=grid] [role=gridcell]')].filter(onScreen);
      const shown = tiles.filter((tile) => tile.querySelector('canvas[data-shown=true]') !== null);
      return tiles.length > 0 && shown.length === tiles.length;
    };
    while (scrollY + innerHeight < document.documentElement.scrollHeight - 1) {
      scrollBy(0, Math.round(innerHeight * 0.7));
      const end = performance.now() + 5_000;
      do await new Promise((resolve) => setTimeout(resolve, 30));
      while (!isShown() && performance.now() < end);
    }
  });
  return '';
}

/** The CPU time of each renderer by process id, in seconds. */
async function renderers() {
  const session = await browser.newBrowserCDPSession();
  const { processInfo } = await session.send('SystemInfo.getProcessInfo');
  await session.detach();
  const own = processInfo.filter(({ type }) => type === 'renderer');
  return new Map(own.map(({ id, cpuTime }) => [id, cpuTime]));
}

/** The memory of a page's process: its own, and its share of what it shares with others. */
async function memory(page) {
  // The browser has other renderers. The page's is the one that is busy now.
  const before = await renderers();
  await page.evaluate(() => {
    const end = performance.now() + 300;
    while (performance.now() < end);
  });
  const after = await renderers();
  const worked = (pid) => (after.get(pid) ?? 0) - (before.get(pid) ?? 0);
  const [pid] = [...after.keys()].sort((a, b) => worked(b) - worked(a));
  try {
    const text = readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8');
    const part = (name) => Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(text)?.[1]) / 1024;
    return `${Math.round(part('Pss'))} MiB (${Math.round(part('Pss_File'))} of Chromium's files)`;
  } catch {
    return 'unknown memory'; // This isn't Linux.
  }
}

/** How many of the downloads are of a thumbnail that was downloaded before. */
function twice(downloads) {
  return downloads.length - new Set(downloads).size;
}

function kilo(bytes) {
  return `${Math.round(bytes / 1000)} kB`;
}

/** Counts calls by what they ask for. */
function kinds(requests) {
  const counts = { months: 0, lists: 0, pictures: 0 };
  for (const { url } of requests) {
    if (url.startsWith('/pictures/index')) counts.months += 1;
    else if (url.startsWith('/pictures?')) counts.lists += 1;
    else if (url.startsWith('/pictures/')) counts.pictures += 1;
  }
  return `${counts.months} calls for months, ${counts.lists} for links of many, ${counts.pictures} for one`;
}

// Measures the timeline of the built app with the mock backend, as a report: 60 photos on slow 4G on
// a phone and on a desktop, then scrolling through 5,000. Not a test: times depend on the machine's
// load.
// Usage: node scripts/photos.mjs [count of the large library]
import { readFileSync } from 'node:fs';
import { chromium } from 'playwright-core';
import { runnerImport } from 'vite';
import { CHROMIUM_ARGS, chromiumPath } from './chromium.mjs';

const PHOTOS = 60;
const LARGE = Number(process.argv[2] ?? 5_000);
/** Lighthouse's slow 4G: 1.6 Mbit/s down, 0.75 Mbit/s up, a round trip of 150 ms. */
const SLOW_4G = {
  offline: false,
  downloadThroughput: (1_600 * 1024) / 8,
  uploadThroughput: (750 * 1024) / 8,
  latency: 150,
};
const FORMS = {
  phone: { viewport: { width: 390, height: 844 }, deviceScaleFactor: 2, hasTouch: true },
  desktop: { viewport: { width: 1280, height: 800 } },
};

const load = async (path) => (await runnerImport(path, { configFile: false })).module;
const { startMockServer } = await load('./mock/server.ts');
const { seedLibrary } = await load('./mock/seed.ts');

const mock = await startMockServer();
const people = { few: PHOTOS, many: LARGE };
for (const [username, count] of Object.entries(people)) {
  mock.backend.addUser(username, 'a password');
  seedLibrary(mock.backend, username, count);
}
const browser = await chromium.launch({ executablePath: chromiumPath(), args: CHROMIUM_ARGS });

for (const [form, options] of Object.entries(FORMS)) {
  const { page, session, close } = await open(options);
  let bytes = 0;
  session.on('Network.loadingFinished', ({ encodedDataLength }) => (bytes += encodedDataLength));
  await logIn(page, 'few');
  await page.getByRole('grid').waitFor();
  // A first visit: nothing but the session is kept.
  await page.evaluate(async () => {
    for (const name of await caches.keys()) await caches.delete(name);
  });
  await session.send('Network.clearBrowserCache');
  await session.send('Network.emulateNetworkConditions', SLOW_4G);
  if (form === 'phone') await session.send('Emulation.setCPUThrottlingRate', { rate: 4 });
  bytes = 0;
  const start = Date.now();
  await page.goto(`${mock.url}/pictures`, { waitUntil: 'commit' });
  const shown = async (count) => {
    await page.waitForFunction(
      (count) =>
        [...document.querySelectorAll('[role=grid] img')].filter(
          (image) => image.complete && image.naturalWidth > 0,
        ).length >= count,
      count,
      { timeout: 120_000 },
    );
    return ((Date.now() - start) / 1000).toFixed(1);
  };
  const first = await shown(1);
  // A phone's screen doesn't hold ten.
  const tenth = await shown(form === 'phone' ? 6 : 10).catch(() => 'not on the first screen');
  await scrollThrough(page);
  console.log(
    `${PHOTOS} photos, slow 4G, ${form}: first ${first} s, ${form === 'phone' ? 'sixth' : 'tenth'} ${tenth} s, ` +
      `${kilo(bytes)} for all, ${memory(await renderers())} in the tab`,
  );
  const again = mock.backend.downloads.length;
  await page.reload();
  await shown(1);
  await scrollThrough(page);
  console.log(
    `  after a reload: ${mock.backend.downloads.length - again} thumbnails downloaded again`,
  );
  await close();
}

{
  const { page, close } = await open(FORMS.desktop);
  await logIn(page, 'many');
  await page.getByRole('grid').waitFor();
  const requests = mock.backend.requests.length;
  const frames = await scrollThrough(page, 40_000);
  const tiles = await page.getByRole('grid').getByRole('link').count();
  console.log(
    `${LARGE} photos, desktop: ${memory(await renderers())} in the tab after scrolling through, ` +
      `${tiles} tiles on the page, ${mock.backend.requests.length - requests} calls, ` +
      `frames: median ${frames.median} ms, 95th percentile ${frames.p95} ms`,
  );
  await close();
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

/** The process ids of the renderers. */
async function renderers() {
  const session = await browser.newBrowserCDPSession();
  const { processInfo } = await session.send('SystemInfo.getProcessInfo');
  await session.detach();
  return processInfo.filter(({ type }) => type === 'renderer').map(({ id }) => id);
}

/** The largest renderer's memory: its own and its share of what it shares. */
function memory(pids) {
  const sizes = pids.map((pid) => {
    try {
      const text = readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8');
      return Number(/^Pss:\s+(\d+) kB/m.exec(text)?.[1] ?? 0);
    } catch {
      return 0; // It has ended, or this isn't Linux.
    }
  });
  return `${Math.round(Math.max(0, ...sizes) / 1024)} MiB`;
}

function kilo(bytes) {
  return `${Math.round(bytes / 1000)} kB`;
}

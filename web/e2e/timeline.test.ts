import { expect, it } from 'vitest';
import { cached, logIn, logOut, openPicture, tiles, thumbnails } from './support/app';
import { newPage, PHONE, useBrowser } from './support/browser';
import { FIXTURES } from './support/images';
import { isMock } from './support/stack';
import { openTimeline } from './support/timeline';

useBrowser();

it('downloads no thumbnail twice, and empties the caches with the session', async () => {
  const page = await newPage();
  const person = await openTimeline(page);
  await expect
    .poll(async () => (await cached(page)).filter((key) => key.endsWith('/thumbnail')).length)
    .toBe(FIXTURES.length);
  const elsewhere: string[] = [];
  page.on('request', (request) => {
    if (/\/(mock-pictures|derived)\/.*thumbnail/.test(request.url())) elsewhere.push(request.url());
  });
  await page.reload();
  await expect.poll(() => thumbnails(page).count()).toBe(FIXTURES.length);
  expect(elsewhere).toEqual([]);

  await logOut(page);
  await expect.poll(() => cached(page)).toEqual([]);
  await logIn(page, person);
  await expect.poll(() => elsewhere.length).toBeGreaterThan(0);
});

it('gets the links to thumbnails with their month, and asks for no picture by itself', async () => {
  const page = await newPage();
  await openTimeline(page);
  // The service makes no thumbnail of AVIF, so its own link is needed.
  const expected = isMock() ? 0 : FIXTURES.filter(({ type }) => type === 'AVIF').length;
  await page.evaluate(async () => {
    for (const name of await caches.keys()) await caches.delete(name);
  });
  const calls: string[] = [];
  page.on('request', (request) => {
    const { pathname, search } = new URL(request.url());
    if (pathname.startsWith('/rest/pictures')) calls.push(pathname + search);
  });
  await page.reload();
  await expect.poll(() => thumbnails(page).count()).toBe(FIXTURES.length);
  const months = calls.filter((call) => call.startsWith('/rest/pictures/index?'));
  expect(months.filter((call) => call.includes('links=true'))).toHaveLength(1);
  expect(calls.length - months.length).toBe(expected);
});

it('removes a deleted picture from the caches at once', async () => {
  const page = await newPage();
  await openTimeline(page);
  const view = await openPicture(page, 'rose haze');
  const id = new URL(page.url()).pathname.split('/').at(-1) ?? '';
  await expect.poll(async () => (await cached(page)).some((key) => key.includes(id))).toBe(true);
  await view.getByRole('button', { name: 'Delete' }).click();
  await page.getByRole('button', { name: 'Dismiss' }).click();
  await expect.poll(async () => (await cached(page)).some((key) => key.includes(id))).toBe(false);
});

it('returns from the viewer and from other pages to the same picture', async () => {
  const page = await newPage({ viewport: { width: PHONE.width, height: 420 } });
  await openTimeline(page);
  await page.evaluate(() => scrollTo(0, document.documentElement.scrollHeight));
  const place = () => page.evaluate(() => Math.round(scrollY));
  const before = await place();
  expect(before).toBeGreaterThan(50);
  await page.getByRole('link', { name: 'Analytics' }).click();
  await page.getByRole('heading', { name: 'Analytics' }).waitFor();
  await page.getByRole('link', { name: 'Pictures', exact: true }).click();
  await expect.poll(place).toBe(before);

  const last = tiles(page).last();
  const name = (await last.getAttribute('aria-label')) ?? '';
  await last.click();
  await page.getByRole('dialog').waitFor();
  await page.keyboard.press('Escape');
  await page.getByRole('dialog').waitFor({ state: 'detached' });
  await expect
    .poll(() => page.evaluate(() => document.activeElement?.getAttribute('aria-label')))
    .toBe(name);
});

it('holds on a screen of 320 pixels', async () => {
  const page = await newPage({ viewport: { width: 320, height: 640 } });
  await openTimeline(page);
  const wider = () =>
    page.evaluate(
      () => document.documentElement.scrollWidth > document.documentElement.clientWidth,
    );
  expect(await wider()).toBe(false);
  await openPicture(page, 'rose haze');
  expect(await wider()).toBe(false);
});

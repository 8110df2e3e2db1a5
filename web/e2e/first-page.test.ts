import type { Page } from 'playwright-core';
import { expect, it } from 'vitest';
import { cached, signUp, upload, thumbnails } from './support/app';
import { newPage, newPerson, useBrowser } from './support/browser';
import { FIXTURES } from './support/images';

useBrowser();

const APP = '**/assets/app-*.js';

/** Delays the app's code like a slow network; returns a function that releases it. */
async function holdApp(page: Page): Promise<() => Promise<void>> {
  let release: () => void = () => undefined;
  const released = new Promise<void>((resolve) => (release = resolve));
  await page.route(APP, async (route) => {
    await released;
    await route.continue();
  });
  const requested = page.waitForRequest(APP);
  // A failure is reported when the code is released.
  requested.catch(() => undefined);
  return async () => {
    await requested;
    release();
  };
}

it('shows a skeleton before the app has loaded and requests everything once', async () => {
  const page = await newPage();
  await signUp(page, newPerson());
  await upload(page, [FIXTURES[0]?.path ?? '']);
  // Until the picture is processed, its month is requested again and again.
  await expect
    .poll(async () => (await cached(page)).some((key) => key.endsWith('/thumbnail')))
    .toBe(true);
  const release = await holdApp(page);
  const requests: string[] = [];
  page.on('request', (request) => {
    const { pathname, search } = new URL(request.url());
    if (pathname.startsWith('/rest/')) requests.push(pathname + search);
  });

  await page.goto('/pictures', { waitUntil: 'commit' });
  await page.getByRole('img', { name: 'Trichrome is loading' }).waitFor();
  // The months and the newest one are prefetched.
  await expect.poll(() => requests.length).toBe(2);
  await release();
  await thumbnails(page).first().waitFor();
  expect(requests).toHaveLength(2);
});

it('shows that the app could not be loaded and keeps the session', async () => {
  const page = await newPage();
  await signUp(page, newPerson());
  await page.route(APP, (route) => route.abort());
  await page.reload();
  await page.getByText('Trichrome could not be loaded').waitFor();
  await page.unroute(APP);
  await page.getByRole('link', { name: 'Reload the page' }).click();
  await page.getByText('No pictures yet').waitFor();
});

it('offers to reload the page when a part of the app could not be loaded', async () => {
  const page = await newPage();
  await signUp(page, newPerson());
  const part = '**/assets/AccountPopover-*.js';
  await page.route(part, (route) => route.abort());
  await page.getByRole('button', { name: 'Account and settings' }).click();
  const reload = page.getByRole('button', { name: 'Reload the page' });
  await reload.waitFor();
  await page.unroute(part);
  await reload.click();
  await page.getByText('No pictures yet').waitFor();
});

it('shows only the login when the session turns out to be expired', async () => {
  const page = await newPage();
  await signUp(page, newPerson());
  for (const early of [true, false]) {
    // The 401 arrives before the app has loaded, or while it renders.
    const release = early ? await holdApp(page) : undefined;
    await page.route('**/rest/pictures/index?*', (route) =>
      route.fulfill({ status: 401, contentType: 'application/json', body: '{}' }),
    );
    const refused = page.waitForResponse('**/rest/pictures/index?*');
    await page.goto('/pictures', { waitUntil: 'commit' });
    await refused;
    await release?.();
    await page.getByText(/session has expired/).waitFor();
    expect(await page.getByRole('main').count()).toBe(1);
    await page.unrouteAll({ behavior: 'wait' });
    await page.goto('/signup');
    await signUp(page, newPerson());
  }
});

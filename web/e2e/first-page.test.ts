import type { Page } from 'playwright-core';
import { expect, it } from 'vitest';
import { chosenTransport, signUp, tiles, upload } from './support/app';
import { newPage, newPerson, useBrowser } from './support/browser';
import { FIXTURES } from './support/images';

useBrowser();

const APP = '**/assets/app-*.js';

/** Holds the app's code back, as a slow network does; answers what lets it through. */
async function holdApp(page: Page): Promise<() => Promise<void>> {
  let release: () => void = () => undefined;
  const released = new Promise<void>((resolve) => (release = resolve));
  await page.route(APP, async (route) => {
    await released;
    await route.continue();
  });
  const asked = page.waitForRequest(APP);
  // Whoever lets it through hears of it.
  asked.catch(() => undefined);
  return async () => {
    // It was indeed this that the page was waiting for.
    await asked;
    release();
  };
}

it('takes a login that was typed and sent before the app was there', async () => {
  const person = newPerson();
  await signUp(await newPage(), person);

  const page = await newPage();
  const release = await holdApp(page);
  const visited: string[] = [];
  page.on('request', (request) => {
    if (request.isNavigationRequest()) visited.push(request.url());
  });
  await page.goto('/', { waitUntil: 'commit' });
  await page.getByLabel('Username').fill(person.username);
  await page.getByRole('textbox', { name: 'Password' }).fill(person.password);
  await page.keyboard.press('Enter');
  await release();
  await page.getByText('No pictures yet').waitFor();
  // A form that nobody answers to would have sent it, in the address.
  expect(visited.map((url) => url.replace(new URL(url).origin, ''))).toEqual(['/']);
});

it('shows the page before the app is there, and asks for each thing once', async () => {
  const page = await newPage();
  await signUp(page, newPerson());
  await upload(page, [FIXTURES[0]?.path ?? '']);
  const release = await holdApp(page);
  const asked: string[] = [];
  page.on('request', (request) => {
    const { pathname, search } = new URL(request.url());
    if (pathname.startsWith('/rest/')) asked.push(pathname + search);
  });

  await page.goto('/pictures', { waitUntil: 'commit' });
  const heading = page.getByRole('heading', { name: 'Pictures', exact: true });
  await heading.waitFor();
  // The picture is on its way already.
  await expect.poll(() => asked.length).toBe(2);
  const element = await heading.elementHandle();
  await release();
  await tiles(page).locator('img').first().waitFor();
  expect(asked).toHaveLength(2);
  // Taken over as it was, not drawn again.
  expect(await element.evaluate(({ isConnected }) => isConnected)).toBe(true);
});

it('says that the app could not be loaded, and keeps the session for when it can be', async () => {
  const page = await newPage();
  await signUp(page, newPerson());
  await page.route(APP, (route) => route.abort());
  await page.reload();
  await page.getByText('Trichrome could not be loaded').waitFor();
  await page.unroute(APP);
  await page.getByRole('link', { name: 'Reload the page' }).click();
  await page.getByText('No pictures yet').waitFor();
});

it('offers to load the page again where a part of the app did not come', async () => {
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

it('does what was clicked before the app was there', async () => {
  const page = await newPage();
  await signUp(page, newPerson());
  const release = await holdApp(page);
  await page.goto('/pictures', { waitUntil: 'commit' });
  const asked = page.waitForRequest('**/grpc/pictures?*');
  await page.getByRole('button', { name: 'gRPC', exact: true }).click();
  await release();
  await asked;
  await chosenTransport(page, 'gRPC').waitFor();
  await page.getByText('No pictures yet').waitFor();
});

it('leads to the login, and to it alone, when the session turns out to be over', async () => {
  const page = await newPage();
  await signUp(page, newPerson());
  for (const early of [true, false]) {
    // The refusal comes before the app does, or while it takes the page over.
    const release = early ? await holdApp(page) : undefined;
    await page.route('**/rest/pictures?*', (route) =>
      route.fulfill({ status: 401, contentType: 'application/json', body: '{}' }),
    );
    const refused = page.waitForResponse('**/rest/pictures?*');
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

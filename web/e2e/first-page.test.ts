import type { Page } from 'playwright-core';
import { expect, it } from 'vitest';
import { signUp, tiles, upload } from './support/app';
import { newPage, newPerson, useBrowser } from './support/browser';
import { FIXTURES } from './support/images';

useBrowser();

/** Holds the app's code back, as a slow network does; answers what lets it through. */
async function holdApp(page: Page): Promise<() => void> {
  let release: () => void = () => undefined;
  const released = new Promise<void>((resolve) => (release = resolve));
  await page.route('**/assets/app-*.js', async (route) => {
    await released;
    await route.continue();
  });
  return release;
}

it('takes a login that was typed and sent before the app was there', async () => {
  const person = newPerson();
  await signUp(await newPage(), person);

  const page = await newPage();
  const release = await holdApp(page);
  await page.goto('/', { waitUntil: 'commit' });
  await page.getByLabel('Username').fill(person.username);
  await page.getByRole('textbox', { name: 'Password' }).fill(person.password);
  await page.keyboard.press('Enter');
  // Nothing of it in the address, as a form that nobody answers to would have it.
  expect(new URL(page.url()).search).toBe('');
  release();
  await page.getByText('No pictures yet').waitFor();
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
  release();
  await tiles(page).locator('img').first().waitFor();
  expect(asked).toHaveLength(2);
  // Taken over as it was, not drawn again.
  expect(await element.evaluate(({ isConnected }) => isConnected)).toBe(true);
});

it('does what was clicked before the app was there', async () => {
  const page = await newPage();
  await signUp(page, newPerson());
  const release = await holdApp(page);
  await page.goto('/pictures', { waitUntil: 'commit' });
  await page.getByRole('button', { name: 'gRPC', exact: true }).click();
  release();
  await page.getByRole('button', { name: /^Last call: gRPC/ }).waitFor();
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
    release?.();
    await page.getByText(/session has expired/).waitFor();
    expect(await page.getByRole('main').count()).toBe(1);
    await page.unrouteAll({ behavior: 'wait' });
    await page.goto('/signup');
    await signUp(page, newPerson());
  }
});

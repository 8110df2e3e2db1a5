import type { Page } from 'playwright-core';
import { describe, expect, it } from 'vitest';
import { signUp, tiles, thumbnails } from './support/app';
import { newPage, newPerson, useBrowser } from './support/browser';
import { isMock, seedPictures } from './support/stack';

useBrowser();

const COUNT = 5_000;

/** Opens the timeline of a new person with thousands of pictures. */
async function openLibrary(page: Page): Promise<void> {
  const person = newPerson();
  await signUp(page, person);
  await page.getByText('No pictures yet').waitFor();
  await seedPictures(person.username, COUNT);
  await page.reload();
  await thumbnails(page).first().waitFor();
}

/** The first picture below the header, and its distance from the top of the screen. */
const onScreen = (page: Page) =>
  page.evaluate(() => {
    const links = [...document.querySelectorAll('[role=grid] [role=row] a')];
    const link = links.find((one) => one.getBoundingClientRect().top > 80);
    return { id: link?.id, top: Math.round(link?.getBoundingClientRect().top ?? 0) };
  });

/** Waits until no month or thumbnail near the screen is being loaded. */
async function settle(page: Page): Promise<void> {
  await page.locator('[role=grid][aria-busy=false]').waitFor();
  await tiles(page).first().waitFor();
}

const focused = (page: Page) =>
  page.evaluate(() => document.activeElement?.getAttribute('aria-label') ?? '');

// Only the mock backend has so many pictures.
describe.runIf(isMock())('a library of 5,000 pictures', () => {
  it('keeps few of them on the page, and loads what is looked at', async () => {
    const page = await newPage();
    const calls: string[] = [];
    page.on('request', (request) => {
      const { pathname, searchParams } = new URL(request.url());
      if (pathname === '/rest/pictures/index') calls.push(searchParams.get('month') ?? 'months');
    });
    await openLibrary(page);
    expect(await page.getByTestId('count').innerText()).toBe('5,000');
    expect(await page.getByRole('grid').getAttribute('aria-rowcount')).toBe('5000');
    expect(await tiles(page).count()).toBeLessThan(150);
    const all = await page.getByRole('combobox', { name: 'Jump to month' }).locator('option').all();
    expect(all.length).toBeGreaterThan(40);
    expect(new Set(calls).size).toBeLessThan(6);

    await page.getByRole('combobox', { name: 'Jump to month' }).selectOption({ index: 30 });
    await settle(page);
    await expect.poll(() => tiles(page).count()).toBeGreaterThan(3);
    expect(await tiles(page).count()).toBeLessThan(150);
    expect(new Set(calls).size).toBeLessThan(14);
  });

  it('goes to both ends by keyboard, and keeps one tab stop', async () => {
    const page = await newPage();
    await openLibrary(page);
    await tiles(page).first().focus();
    const newest = await focused(page);
    expect(newest).toMatch(/ 5000,/);
    await page.keyboard.press('End');
    await expect.poll(() => focused(page)).toMatch(/ 1,/);
    expect(await page.locator('[role=grid] a[tabindex="0"]').count()).toBe(1);
    await page.keyboard.press('Home');
    await expect.poll(() => focused(page)).toBe(newest);
    // A range over months that haven't been loaded selects all of them.
    await page.keyboard.press('Space');
    await page.keyboard.press('End');
    await expect.poll(() => focused(page)).toMatch(/ 1,/);
    await page.keyboard.press('Shift+Space');
    await page.getByText('5,000 selected', { exact: true }).waitFor();
  });

  it('doesn’t move what is on screen while months above are loaded', async () => {
    const page = await newPage();
    await openLibrary(page);
    await page.getByRole('combobox', { name: 'Jump to month' }).selectOption({ index: 25 });
    await settle(page);
    await expect.poll(async () => (await onScreen(page)).id).toBeDefined();
    // Scrolls up in steps. Each may bring a month near whose height was only estimated.
    for (let step = 0; step < 12; step++) {
      const before = await onScreen(page);
      await page.evaluate(() => scrollBy(0, -300));
      await settle(page);
      await expect
        .poll(() =>
          page.evaluate((id) => {
            const link = document.getElementById(id ?? '');
            return link && Math.round(link.getBoundingClientRect().top);
          }, before.id),
        )
        .toBe(before.top + 300);
    }
  });

  it('comes back to the same picture by the browser’s buttons', async () => {
    const page = await newPage();
    await openLibrary(page);
    await page.getByRole('combobox', { name: 'Jump to month' }).selectOption({ index: 20 });
    await settle(page);
    await expect.poll(async () => (await onScreen(page)).id).toBeDefined();
    await page.evaluate(() => scrollBy(0, 137));
    await settle(page);
    const before = await onScreen(page);
    await page.getByRole('link', { name: 'Analytics' }).click();
    await page.getByRole('heading', { name: 'Analytics' }).waitFor();
    await page.goBack();
    await expect.poll(() => onScreen(page)).toEqual(before);
    await page.locator(`[id="${before.id ?? ''}"]`).click();
    await page.getByRole('dialog').waitFor();
    await page.goBack();
    await page.getByRole('dialog').waitFor({ state: 'detached' });
    await expect.poll(() => onScreen(page)).toEqual(before);
  });

  it('shows a map of its months beside it', async () => {
    const page = await newPage();
    await openLibrary(page);
    await page.mouse.move(1_270, 700);
    await page.getByText(/^\w+ \d{4} · \d+$/).waitFor();
    await page.mouse.down();
    await page.mouse.up();
    await expect.poll(() => page.evaluate(() => scrollY)).toBeGreaterThan(10_000);
    await settle(page);
    await expect.poll(() => tiles(page).count()).toBeGreaterThan(3);
  });
});

import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { unzipSync } from 'fflate';
import type { Page } from 'playwright-core';
import { expect, it } from 'vitest';
import { storedPictures, tiles } from './support/app';
import { newPage, PHONE, useBrowser } from './support/browser';
import { bytesOf, FIXTURES, temporaryFile } from './support/images';
import { openTimeline } from './support/timeline';
import { centreOf, Fingers } from './support/touch';

useBrowser();

const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');
const selected = (page: Page, count: number) =>
  page.getByText(`${count} selected`, { exact: true }).waitFor();

it('selects a range and everything, and brings back what was deleted', async () => {
  const page = await newPage();
  const person = await openTimeline(page);
  const checks = page.getByRole('grid').getByRole('button', { name: /^Select / });
  await checks.nth(1).click({ force: true });
  await selected(page, 1);
  await tiles(page)
    .nth(3)
    .click({ modifiers: ['Shift'] });
  await selected(page, 3);
  // A press selects now instead of opening.
  await tiles(page).nth(0).click();
  await selected(page, 4);
  expect(new URL(page.url()).pathname).toBe('/pictures');
  await page.keyboard.press('Control+a');
  await selected(page, 5);
  await page.keyboard.press('Escape');
  await page.getByText(/ selected$/).waitFor({ state: 'detached' });

  await checks.nth(0).click({ force: true });
  await checks.nth(1).click();
  await page.getByRole('button', { name: 'Delete', exact: true }).click();
  await page.getByText('2 pictures were deleted.').waitFor();
  await expect.poll(() => tiles(page).count()).toBe(3);
  expect(await page.getByTestId('count').innerText()).toBe('3');
  // What is being deleted can't be selected.
  await tiles(page).first().focus();
  await page.keyboard.press('Control+a');
  await selected(page, 3);
  await page.keyboard.press('Escape');
  await page.getByRole('button', { name: 'Undo' }).click();
  await expect.poll(() => tiles(page).count()).toBe(5);
  expect(await storedPictures(person)).toBe(5);
});

it('deletes everything and invites to begin again', async () => {
  const page = await newPage();
  const person = await openTimeline(
    page,
    FIXTURES.slice(0, 2).map(({ path }) => path),
  );
  await tiles(page).first().focus();
  await page.keyboard.press('Control+a');
  await selected(page, 2);
  await page.keyboard.press('Delete');
  await page.getByText('No pictures yet').waitFor();
  await page.getByRole('button', { name: 'Dismiss' }).click();
  await expect.poll(() => storedPictures(person)).toBe(0);
});

it('selects by a long press', async () => {
  const page = await newPage({ viewport: PHONE, hasTouch: true, isMobile: true });
  await openTimeline(page);
  const fingers = await Fingers.on(page);
  await fingers.down([await centreOf(tiles(page).nth(1))]);
  await selected(page, 1);
  await fingers.up();
  await tiles(page).nth(2).tap();
  await selected(page, 2);
  await tiles(page).nth(2).tap();
  await selected(page, 1);
  expect(new URL(page.url()).pathname).toBe('/pictures');
});

it('downloads a selection as a ZIP with every name of its own', async () => {
  const page = await newPage();
  // Names that are equal on macOS and Windows.
  const [first, second] = FIXTURES;
  const paths = [
    temporaryFile('Harbour.jpg', bytesOf(first?.path ?? '')),
    temporaryFile('harbour.png', bytesOf(second?.path ?? '')),
    temporaryFile('HARBOUR.jpg', bytesOf(first?.path ?? '')),
  ];
  await openTimeline(page, paths);
  await tiles(page).first().focus();
  await page.keyboard.press('Control+a');
  await selected(page, 3);
  const waiting = page.waitForEvent('download', { timeout: 60_000 });
  await page.getByRole('button', { name: 'Download', exact: true }).click();
  const files = unzipSync(new Uint8Array(readFileSync(await (await waiting).path())));
  const names = Object.keys(files).map((name) => name.toLowerCase());
  expect(new Set(names).size).toBe(3);
  const hashes = Object.values(files).map(sha256).sort();
  expect(hashes).toEqual(paths.map((path) => sha256(bytesOf(path))).sort());
});

it('names a picture that is missing from a ZIP', async () => {
  const page = await newPage();
  await openTimeline(page);
  await tiles(page).first().focus();
  await page.keyboard.press('Control+a');
  await selected(page, 5);
  // It has been deleted on another device.
  await page.route(/\/pictures\/[0-9a-f-]+\?/, async (route) => {
    const answer = await route.fetch();
    const picture = (await answer.json()) as { title?: string };
    if (picture.title !== 'rose haze') return route.fulfill({ response: answer });
    return route.fulfill({ status: 404, json: { error: { code: 'NOT_FOUND', message: 'gone' } } });
  });
  const waiting = page.waitForEvent('download', { timeout: 60_000 });
  await page.getByRole('button', { name: 'Download', exact: true }).click();
  const files = unzipSync(new Uint8Array(readFileSync(await (await waiting).path())));
  expect(Object.keys(files)).toHaveLength(5);
  expect(new TextDecoder().decode(files['Missing pictures.txt'])).toContain('rose haze');
  await page.getByText('Missing from the ZIP: “rose haze”.').waitFor();
});

it('finds pictures by title and sorts them by upload', async () => {
  const page = await newPage();
  await openTimeline(page);
  await page.keyboard.press('/');
  await page.keyboard.type('ROSE');
  await expect.poll(() => tiles(page).count()).toBe(1);
  expect(await page.getByTestId('count').innerText()).toBe('1 found');
  await page.keyboard.press('Escape');
  await expect.poll(() => tiles(page).count()).toBe(5);
  await page.getByRole('combobox', { name: 'Order' }).selectOption('created');
  const titles = async () =>
    (await tiles(page).all()).map((tile) => tile.getAttribute('aria-label'));
  const expected = FIXTURES.map(({ title }) => title).reverse();
  await expect
    .poll(async () => (await Promise.all(await titles())).map((label) => label?.split(',')[0]))
    .toEqual(expected);
});

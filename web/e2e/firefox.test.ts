import { existsSync } from 'node:fs';
import puppeteer, { type Browser, type Page } from 'puppeteer-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { deleteUser, storedPictures } from './support/app';
import { FIXTURES } from './support/images';
import { readStack } from './support/stack';

/*
 * The main job in Firefox, over WebDriver BiDi: Playwright drives only a Firefox of its own. Debian's
 * Firefox will do; without any, the test is skipped.
 */

const FIREFOX = process.env.FIREFOX ?? '/usr/bin/firefox-esr';
const STEP_MS = 60_000;

const person = {
  username: `firefox-${Date.now().toString(36)}-${process.pid}`,
  password: 'in another browser',
};

describe.runIf(existsSync(FIREFOX))('in Firefox', () => {
  let browser: Browser;

  beforeAll(async () => {
    browser = await puppeteer.launch({ browser: 'firefox', executablePath: FIREFOX });
  }, 120_000);

  afterAll(async () => {
    await browser.close();
    await deleteUser(person);
  });

  it('signs up, uploads, shows, deletes and logs out', async () => {
    const page = await browser.newPage();
    page.setDefaultTimeout(STEP_MS);
    await page.setViewport({ width: 1280, height: 800 });
    const errors: string[] = [];
    page.on('pageerror', (error) => errors.push(String(error)));

    await page.goto(`${readStack().gateway_url}/signup`);
    await page.locator('#username').fill(person.username);
    await page.locator('#password').fill(person.password);
    await press(page, 'Sign up');
    await text(page, 'No pictures yet');

    const chooser = await page.waitForSelector('input[data-testid=file-input]');
    await chooser?.uploadFile(...FIXTURES.map(({ path }) => path));
    await text(page, '5 uploaded');
    await press(page, 'Close the list');
    await page.waitForFunction(
      (count) => document.querySelectorAll('[role=grid] canvas[data-shown=true]').length === count,
      {},
      FIXTURES.length,
    );
    expect(await storedPictures(person)).toBe(FIXTURES.length);

    await page.locator('[role=grid] a[aria-label^="rose haze"]').click();
    await page.waitForSelector('[role=dialog] img[alt="rose haze"]');
    await page.keyboard.press('Delete');
    await text(page, '“rose haze” was deleted.');
    // The viewer goes on to whichever picture is next: several were uploaded at once.
    await page.waitForFunction(() => {
      const title = document.querySelector('[role=dialog] h2')?.textContent ?? '';
      return title !== '' && title !== 'rose haze';
    });
    await page.keyboard.press('Escape');
    await press(page, 'Dismiss');
    await expect.poll(() => storedPictures(person), { timeout: STEP_MS }).toBe(FIXTURES.length - 1);

    // The session outlives a reload, in the cookie.
    await page.reload();
    await page.waitForSelector('[role=grid] canvas[data-shown=true]');
    await press(page, 'Account and settings');
    await press(page, 'Log out');
    await text(page, 'Log in');
    expect(errors).toEqual([]);
  }, 300_000);
});

const press = (page: Page, name: string) =>
  page.locator(`::-p-aria([name="${name}"][role="button"])`).click();

const text = (page: Page, content: string) => page.waitForSelector(`::-p-text(${content})`);

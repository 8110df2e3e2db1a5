import { join } from 'node:path';
import { type Browser, type BrowserContextOptions, chromium, type Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, expect } from 'vitest';
import { CHROMIUM_ARGS, chromiumPath } from '../../scripts/chromium.mjs';
import { deleteUser, type Person } from './app';
import { removeTemporaryFiles } from './images';
import { readStack } from './stack';

export const DESKTOP = { width: 1280, height: 800 };
export const PHONE = { width: 390, height: 844 };

/** A page in a browser context of its own, and the errors it reported. */
interface Opened {
  readonly page: Page;
  readonly errors: string[];
}

let browser: Browser;
const opened: Opened[] = [];
const people: Person[] = [];

/** Starts a browser for the tests of a file, and cleans up pages and users after each test. */
export function useBrowser(): void {
  beforeAll(async () => {
    browser = await chromium.launch({ executablePath: chromiumPath(), args: CHROMIUM_ARGS });
  });

  afterEach(async ({ task }) => {
    const errors = opened.flatMap((one) => one.errors);
    try {
      if (task.result?.state === 'fail') await keepScreenshots(task.name);
    } finally {
      await cleanUp(opened.splice(0), ({ page }) => page.context().close());
      await cleanUp(people.splice(0), deleteUser);
    }
    // A script error or a violation of the Content-Security-Policy fails any test.
    expect(errors).toEqual([]);
  });

  afterAll(async () => {
    removeTemporaryFiles();
    await browser.close();
  });
}

/** Cleans up every item. Failures are logged and don't fail the test. */
async function cleanUp<T>(items: readonly T[], clean: (item: T) => Promise<void>): Promise<void> {
  for (const item of items) {
    await clean(item).catch((error: unknown) => console.warn('cleanup failed:', error));
  }
}

/** Saves a screenshot of each page of a failed test in `TRICHROME_SCREENSHOTS`. */
async function keepScreenshots(test: string): Promise<void> {
  const folder = process.env.TRICHROME_SCREENSHOTS;
  if (folder === undefined) return;
  for (const [index, { page }] of opened.entries()) {
    const path = join(folder, `${test.replace(/[^\p{L}\d]+/gu, ' ').trim()} ${index + 1}.png`);
    await page.screenshot({ path });
    console.log(`screenshot of ${page.url()}: ${path}`);
  }
}

/** Opens a page as a new visitor. */
export async function newPage(options: BrowserContextOptions = {}): Promise<Page> {
  const context = await browser.newContext({
    baseURL: readStack().gateway_url,
    viewport: DESKTOP,
    reducedMotion: 'reduce',
    ...options,
  });
  context.setDefaultTimeout(30_000);
  const page = await context.newPage();
  const errors: string[] = [];
  page.on('pageerror', (error) => errors.push(`script error: ${error.message}`));
  page.on('console', (message) => {
    const text = message.text();
    if (/content security policy|trusted ?type/i.test(text)) errors.push(text);
  });
  opened.push({ page, errors });
  return page;
}

let count = 0;

/** Credentials for a new user, who is deleted after the test. */
export function newPerson(): Person {
  count += 1;
  const unique = `${Date.now().toString(36)}-${process.pid}-${count}`;
  const person = { username: `web-${unique}`, password: `pass word ${unique}` };
  people.push(person);
  return person;
}

import { join } from 'node:path';
import { type Browser, type BrowserContextOptions, chromium, type Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, expect } from 'vitest';
import { CHROMIUM_ARGS, chromiumPath } from '../../scripts/chromium.mjs';
import { deleteUser, type Person } from './app';
import { removeTemporaryFiles } from './images';
import { readStack } from './stack';

export const DESKTOP = { width: 1280, height: 800 };
export const PHONE = { width: 390, height: 844 };

/** A page of a browser of its own, and what it complained of. */
interface Opened {
  readonly page: Page;
  readonly complaints: string[];
}

let browser: Browser;
const opened: Opened[] = [];
const people: Person[] = [];

/** Call once a file: one browser for its tests, and nobody and nothing left behind. */
export function useBrowser(): void {
  beforeAll(async () => {
    browser = await chromium.launch({ executablePath: chromiumPath(), args: CHROMIUM_ARGS });
  });

  afterEach(async ({ task }) => {
    const complaints = opened.flatMap((one) => one.complaints);
    try {
      if (task.result?.state === 'fail') await keepScreenshots(task.name);
    } finally {
      // Each of them, whatever becomes of the others.
      await eachOf(opened.splice(0), ({ page }) => page.context().close());
      await eachOf(people.splice(0), deleteUser);
    }
    // No test may pass over a script error, or over something that the policy refused.
    expect(complaints).toEqual([]);
  });

  afterAll(async () => {
    removeTemporaryFiles();
    await browser.close();
  });
}

/** Cleaning up: what fails of it is said, and fails no test. */
async function eachOf<T>(items: readonly T[], clean: (item: T) => Promise<void>): Promise<void> {
  for (const item of items) {
    await clean(item).catch((error: unknown) => console.warn('left behind:', error));
  }
}

/** What the browser showed when a test failed, for whoever has to find out why. */
async function keepScreenshots(test: string): Promise<void> {
  const folder = process.env['TRICHROME_SCREENSHOTS'];
  if (folder === undefined) return;
  for (const [index, { page }] of opened.entries()) {
    const path = join(folder, `${test.replace(/[^\p{L}\d]+/gu, ' ').trim()} ${index + 1}.png`);
    await page.screenshot({ path });
    console.log(`${page.url()} as it was: ${path}`);
  }
}

/** A fresh visitor's page. */
export async function newPage(options: BrowserContextOptions = {}): Promise<Page> {
  const context = await browser.newContext({
    baseURL: readStack().gateway_url,
    viewport: DESKTOP,
    reducedMotion: 'reduce',
    ...options,
  });
  context.setDefaultTimeout(30_000);
  const page = await context.newPage();
  const complaints: string[] = [];
  page.on('pageerror', (error) => complaints.push(`script error: ${error.message}`));
  page.on('console', (message) => {
    const text = message.text();
    if (/content security policy|trusted ?type/i.test(text)) complaints.push(text);
  });
  opened.push({ page, complaints });
  return page;
}

let count = 0;

/** A person whom nobody has met, and who is forgotten after the test. */
export function newPerson(): Person {
  count += 1;
  const unique = `${Date.now().toString(36)}-${process.pid}-${count}`;
  const person = { username: `web-${unique}`, password: `pass word ${unique}` };
  people.push(person);
  return person;
}

import type { Page } from 'playwright-core';
import { expect, it } from 'vitest';
import { connection, storedPictures, tray } from './support/app';
import { newPage, newPerson, useBrowser } from './support/browser';
import { FIXTURES } from './support/images';

useBrowser();

/** Waits for the element with this name, then presses Tab until it has the focus. */
async function tabTo(page: Page, name: string | RegExp, key = 'Tab'): Promise<void> {
  const named = (role: 'button' | 'link' | 'textbox') =>
    page.getByRole(role, { name, exact: true });
  await named('button').or(named('link')).or(named('textbox')).first().waitFor();
  for (let presses = 0; presses < 60; presses++) {
    await page.keyboard.press(key);
    const focused = await page.evaluate(() => {
      const element = document.activeElement;
      const label =
        element instanceof HTMLInputElement ? element.labels?.[0]?.textContent : undefined;
      return element?.getAttribute('aria-label') ?? label ?? element?.textContent ?? '';
    });
    if (typeof name === 'string' ? focused === name : name.test(focused)) return;
  }
  throw new Error(`Tab never reached ${String(name)}`);
}

it('does the main job without a mouse', async () => {
  const person = newPerson();
  const page = await newPage();
  const type = (text: string) => page.keyboard.type(text);
  const press = (key: string) => page.keyboard.press(key);
  // Registered early: the browser takes a moment to enable interception of file choosers.
  const chooser = page.waitForEvent('filechooser', { timeout: 90_000 });

  await page.goto('/login');
  await connection(page, 'REST').waitFor();
  await tabTo(page, 'Sign up');
  await press('Enter');
  await page.getByRole('heading', { name: 'Sign up' }).waitFor();
  await page.locator('#username:focus').waitFor();
  await type(person.username);
  await press('Tab');
  await type(person.password);
  await press('Enter');
  await page.getByText('No pictures yet').waitFor();

  // The first tab stop skips the header.
  await press('Tab');
  expect(await page.evaluate(() => document.activeElement?.textContent)).toBe('Skip to content');
  await press('Enter');

  await tabTo(page, 'Upload');
  await press('Enter');
  await (await chooser).setFiles(FIXTURES.slice(0, 2).map(({ path }) => path));
  const list = tray(page);
  await list.getByRole('heading', { name: '2 uploaded' }).waitFor();
  await tabTo(page, /^Change the title /);
  await press('Enter');
  await list.getByLabel('Title', { exact: true }).waitFor();
  await press('Control+A');
  await type('By hand');
  await press('Enter');
  await list.getByRole('button', { name: 'Change the title By hand' }).waitFor();
  await tabTo(page, 'Close the list', 'Shift+Tab');
  await press('Enter');
  await list.waitFor({ state: 'detached' });

  // The drawer's switch is one tab stop; the arrow keys move within it.
  await tabTo(page, /^Connection: REST/, 'Shift+Tab');
  await press('Enter');
  const drawer = page.getByRole('dialog', { name: 'Connection' });
  await drawer.waitFor();
  await tabTo(page, 'REST');
  await press('ArrowRight');
  await press('Space');
  await drawer.getByRole('button', { name: 'gRPC', pressed: true }).waitFor();
  await press('Escape');
  await drawer.waitFor({ state: 'detached' });
  expect(await connection(page, 'gRPC').evaluate((dot) => dot === document.activeElement)).toBe(
    true,
  );

  // The grid is one tab stop; the arrow keys move by geometry.
  await tabTo(page, /, .*day|, \w{3}, /);
  const focused = () =>
    page.evaluate(() => document.activeElement?.getAttribute('aria-label') ?? '');
  const first = await focused();
  await press('ArrowRight');
  await expect.poll(focused).not.toBe(first);
  const second = await focused();
  await press('Home');
  await expect.poll(focused).toBe(first);
  await press('End');
  await expect.poll(focused).toBe(second);

  // Space selects, Shift extends, and `Undo` brings back what was deleted.
  await press('Space');
  await press('Shift+ArrowLeft');
  await page.getByText('2 selected').waitFor();
  await press('Escape');
  await page.getByText('2 selected').waitFor({ state: 'detached' });

  if (!(await focused()).startsWith('By hand')) {
    await press((await focused()) === first ? 'ArrowRight' : 'ArrowLeft');
  }
  await expect.poll(focused).toMatch(/^By hand/);
  await press('Enter');
  const view = page.getByRole('dialog', { name: 'By hand' });
  await view.waitFor();
  await page.getByRole('img', { name: 'By hand' }).waitFor();
  await press('Delete');
  // The viewer goes on to the next picture.
  await page.getByRole('dialog', { name: 'green valley' }).waitFor();
  await page.getByText('“By hand” was deleted.').waitFor();
  await press('Escape');
  await page.getByRole('dialog', { name: 'green valley' }).waitFor({ state: 'detached' });
  await expect.poll(focused).toMatch(/^green valley/);
  await press('?');
  await page.getByRole('dialog', { name: 'Keyboard shortcuts' }).waitFor();
  await press('Escape');
  await page.getByRole('dialog', { name: 'Keyboard shortcuts' }).waitFor({ state: 'detached' });
  await expect.poll(() => storedPictures(person), { timeout: 30_000 }).toBe(1);

  await tabTo(page, 'Analytics', 'Shift+Tab');
  await press('Enter');
  await page.getByRole('heading', { name: 'Analytics' }).waitFor();
  await tabTo(page, 'Account and settings', 'Shift+Tab');
  await press('Enter');
  await tabTo(page, 'Log out');
  await press('Enter');
  await page.getByRole('heading', { name: 'Log in' }).waitFor();
});

import type { Page } from 'playwright-core';
import { expect, it } from 'vitest';
import { chosenTransport, storedPictures } from './support/app';
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
  // Waits for the app, which focuses the form once more after the prerendered page.
  await chosenTransport(page, 'REST').waitFor();
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
  await page.getByRole('dialog', { name: 'Upload pictures' }).waitFor();
  await tabTo(page, 'Choose pictures');
  await press('Enter');
  await (await chooser).setFiles(FIXTURES.slice(0, 2).map(({ path }) => path));
  await tabTo(page, 'Title');
  await press('Control+A');
  await type('By hand');
  await tabTo(page, 'Upload 2 pictures');
  await press('Enter');
  await page.getByText('2 uploaded', { exact: true }).waitFor({ state: 'attached' });
  await press('Escape');
  await page.getByRole('dialog').waitFor({ state: 'detached' });

  // The switch is one tab stop; the arrow keys move within it.
  await tabTo(page, 'REST');
  await press('ArrowRight');
  await press('Space');
  await page.getByRole('button', { name: /^Last call: gRPC/ }).waitFor();

  await tabTo(page, /^By hand/);
  await press('Enter');
  const view = page.getByRole('dialog', { name: 'By hand' });
  await view.waitFor();
  await page.getByRole('img', { name: 'By hand' }).waitFor();
  // Both were uploaded at once, so either may be the newer one.
  const newer = await page.getByRole('button', { name: 'Newer picture' }).isVisible();
  await press(newer ? 'ArrowLeft' : 'ArrowRight');
  await page.getByRole('dialog', { name: 'green valley' }).waitFor();
  // The key handler may still be the previous picture's, so the key is pressed until it works.
  await expect
    .poll(async () => {
      await press(newer ? 'ArrowRight' : 'ArrowLeft');
      return view.isVisible();
    })
    .toBe(true);
  await tabTo(page, 'Delete');
  await press('Enter');
  await page.getByRole('alertdialog').locator(':focus').waitFor();
  // The initial focus is on the button that keeps the picture.
  await press('Enter');
  await page.getByRole('alertdialog').waitFor({ state: 'detached' });
  await press('Enter');
  await page.getByRole('alertdialog').waitFor();
  await tabTo(page, 'Delete for good');
  await press('Enter');
  await page.getByText('“By hand” was deleted.').waitFor();
  expect(await storedPictures(person)).toBe(1);

  await tabTo(page, 'Analytics', 'Shift+Tab');
  await press('Enter');
  await page.getByRole('heading', { name: 'Analytics' }).waitFor();
  await tabTo(page, 'Account and settings', 'Shift+Tab');
  await press('Enter');
  await tabTo(page, 'Log out');
  await press('Enter');
  await page.getByRole('heading', { name: 'Log in' }).waitFor();
});

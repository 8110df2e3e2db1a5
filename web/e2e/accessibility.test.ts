import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import type { AxeResults } from 'axe-core';
import type { Page } from 'playwright-core';
import { describe, expect, it } from 'vitest';
import { chooseFiles, logOut, openPicture, signUp, tiles, upload } from './support/app';
import { DESKTOP, newPage, newPerson, PHONE, useBrowser } from './support/browser';
import { FIXTURES, temporaryFile } from './support/images';

useBrowser();

const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

async function violations(page: Page): Promise<string[]> {
  // Through the debugger, which the page's policy does not bind.
  await page.evaluate(axe);
  const results = await page.evaluate<AxeResults>('axe.run()');
  return results.violations.flatMap(({ id, help, nodes }) =>
    nodes.map(
      ({ target, failureSummary }) =>
        `${id}: ${help} (${target.join(' ')}) ${failureSummary ?? ''}`,
    ),
  );
}

const views = [
  ['light', 'desktop', DESKTOP],
  ['dark', 'desktop', DESKTOP],
  ['light', 'phone', PHONE],
  ['dark', 'phone', PHONE],
] as const;

describe.each(views)('%s on a %s', (colorScheme, _, viewport) => {
  it('has no violation that axe knows of, on any page', async () => {
    const page = await newPage({ colorScheme, viewport });
    const check = async (where: string) => expect(await violations(page), where).toEqual([]);

    await page.goto('/login');
    await page.getByRole('button', { name: 'Log in' }).click();
    await page.getByText('Enter a username.').waitFor();
    await check('login, with problems');
    await page.goto('/signup');
    await page.getByRole('heading', { name: 'Sign up' }).waitFor();
    await check('signup');
    await page.goto('/no/such/page');
    await page.getByText('There is no such page').waitFor();
    await check('not found');

    await signUp(page, newPerson());
    await page.getByText('No pictures yet').waitFor();
    await check('no pictures');

    const dialog = await chooseFiles(page, [
      FIXTURES[0]?.path ?? '',
      temporaryFile('words.png', Buffer.from('words')),
    ]);
    await dialog.getByText(/This is not a picture/).waitFor();
    await check('uploads, one refused');
    await dialog.getByRole('button', { name: 'Cancel' }).click();
    await dialog.waitFor({ state: 'detached' });
    await upload(
      page,
      FIXTURES.map(({ path }) => path),
    );
    await tiles(page).locator('img').nth(4).waitFor();
    await check('pictures');

    const view = await openPicture(page, 'rose haze');
    await check('one picture');
    await view.getByRole('button', { name: 'Delete' }).click();
    await page.getByRole('alertdialog').waitFor();
    await check('deleting');
    await page.getByRole('button', { name: 'Keep it' }).click();
    await page.getByRole('alertdialog').waitFor({ state: 'detached' });
    await view.getByRole('button', { name: 'Close' }).click();
    await view.waitFor({ state: 'detached' });

    await page.getByTestId('last-call').click();
    await page.getByRole('dialog', { name: 'Recent calls' }).waitFor();
    await check('recent calls');
    await page.keyboard.press('Escape');
    await page.getByRole('dialog').waitFor({ state: 'detached' });
    await page.getByRole('button', { name: 'Account and settings' }).click();
    await page.getByRole('dialog').waitFor();
    await check('account');
    await page.getByRole('button', { name: 'Delete account' }).click();
    await page.getByRole('alertdialog').waitFor();
    await check('deleting the account');
    await page.getByRole('button', { name: 'Keep it' }).click();
    await page.getByRole('alertdialog').waitFor({ state: 'detached' });

    await page.goto('/pictures/not-an-id');
    await page.getByText('This picture isn’t here').waitFor();
    await check('a picture that is not there');

    await page.goto('/analytics');
    await page.getByRole('figure').first().waitFor();
    for (const figure of await page.getByRole('figure').all()) {
      await figure.scrollIntoViewIfNeeded();
      await figure.locator('svg').first().waitFor();
    }
    await page.getByRole('region', { name: 'Calls' }).waitFor();
    await check('analytics');
    await page.route('**/rest/analytics*', (route) => route.abort());
    await page.reload();
    await page.getByText('The totals can’t be shown').waitFor();
    await check('analytics that fail');
    await page.unroute('**/rest/analytics*');
    await logOut(page);
  });
});

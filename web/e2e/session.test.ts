import { readFileSync } from 'node:fs';
import { unzipSync } from 'fflate';
import type { Page } from 'playwright-core';
import { expect, it } from 'vitest';
import {
  logIn,
  logOut,
  openPicture,
  signUp,
  signUpHere,
  storedPictures,
  tiles,
  tokenOf,
  upload,
} from './support/app';
import { newPage, newPerson, useBrowser } from './support/browser';
import { FIXTURES } from './support/images';
import { expiredToken, readStack } from './support/stack';

useBrowser();

it('shows the login when the token has expired, then returns to the same page', async () => {
  const person = newPerson();
  const page = await newPage();
  await signUp(page, person);
  await upload(page, [FIXTURES[3]?.path ?? '']);
  const address = page.url();
  await openPicture(page, 'rose haze');
  const opened = page.url();
  expect(opened).not.toBe(address);

  // From now on the service receives an expired token. The page before asks for its thumbnail, and
  // would log out by itself.
  await page.goto('about:blank');
  const { userId } = (await tokenOf(person)) ?? { userId: '' };
  const expired = expiredToken(userId);
  await page.route(/\/rest\/pictures/, (route) => {
    const headers = { ...route.request().headers(), authorization: `Bearer ${expired}` };
    return route.continue({ headers });
  });
  await page.goto(opened);
  await page.getByText(/session has expired/).waitFor();
  await page.unroute(/\/rest\/pictures/);

  await logIn(page, person);
  await page.getByRole('dialog', { name: 'rose haze' }).waitFor();
  expect(page.url()).toBe(opened);
});

it('keeps the session over a reload and the token out of storage', async () => {
  const person = newPerson();
  const page = await newPage();
  const tokens: string[] = [];
  page.on('request', (request) => {
    const token = request.headers().authorization;
    if (token !== undefined) tokens.push(token.replace('Bearer ', ''));
  });
  await signUp(page, person);
  await page.reload();
  // The request after the reload used the restored token.
  await page.getByText('No pictures yet').waitFor();
  expect(tokens.length).toBeGreaterThan(0);
  const stored = await page.evaluate(() =>
    JSON.stringify([Object.entries(localStorage), Object.entries(sessionStorage), document.cookie]),
  );
  for (const token of tokens) expect(stored).not.toContain(token);
});

it('shares the session with new tabs and ends it in all of them', async () => {
  const page = await newPage();
  await signUp(page, newPerson());
  await cookieOf(page);
  const bearers: string[] = [];
  const other = await page.context().newPage();
  other.on('request', (request) => bearers.push(request.headers().authorization ?? ''));
  await other.goto('/pictures');
  await other.getByText('No pictures yet').waitFor();
  // Scripts of the new tab never had the token.
  expect(bearers.filter((value) => value !== '')).toEqual([]);

  await logOut(page);
  await other.getByRole('heading', { name: 'Log in' }).waitFor();
  await expect.poll(() => page.context().cookies()).toEqual([]);
});

it('keeps the session from other origins of the same host', async () => {
  const page = await newPage();
  await signUp(page, newPerson());
  const { name, value, ...attributes } = await cookieOf(page);
  expect(name).toBe('__Host-trichrome-session');
  expect(attributes).toMatchObject({ httpOnly: true, secure: true, sameSite: 'Strict', path: '/' });
  const url = `${readStack().gateway_url}/rest/pictures`;
  const cookie = `${name}=${value}`;
  const app = { cookie, 'x-session': 'cookie' };
  const status = async (headers: Record<string, string>) => (await fetch(url, { headers })).status;
  expect(await status(app)).toBe(200);
  expect(await status({ cookie })).toBe(401);
  expect(await status({ ...app, 'sec-fetch-site': 'same-site' })).toBe(401);
  expect(await status({ ...app, 'sec-fetch-site': 'cross-site' })).toBe(401);
});

it('shows no data of one user to the next one in the same browser', async () => {
  const [first, second] = [newPerson(), newPerson()];
  const page = await newPage();
  await signUp(page, first);
  await upload(page, [FIXTURES[1]?.path ?? '']);
  await openPicture(page, 'green valley');
  const address = page.url();
  await page.getByRole('button', { name: 'Close' }).click();
  await logOut(page);

  // No reload, because it would clear the memory anyway.
  await page.getByRole('link', { name: 'Sign up' }).click();
  await signUpHere(page, second);
  await page.getByText('No pictures yet').waitFor();
  expect(await tiles(page).count()).toBe(0);
  await page.evaluate((address) => {
    history.pushState(null, '', address);
    dispatchEvent(new PopStateEvent('popstate'));
  }, address);
  await page.getByText('Picture not found').waitFor();
});

it('reports a taken username and a wrong password', async () => {
  const person = newPerson();
  const page = await newPage();
  await signUp(page, person);
  await logOut(page);
  await logIn(page, { ...person, password: 'not the password' });
  await page.getByText('Wrong username or password.').waitFor();
  await page.goto('/signup');
  await page.getByLabel('Username').fill(person.username);
  await page.getByRole('textbox', { name: 'Password' }).fill('another password');
  await page.getByRole('button', { name: 'Sign up' }).click();
  await page.getByText(/username is taken/).waitFor();
});

it('deletes an account with all its pictures', async () => {
  const person = newPerson();
  const page = await newPage();
  await signUp(page, person);
  await upload(page, [FIXTURES[2]?.path ?? '']);
  await openAccount(page);
  await page.getByRole('button', { name: 'Delete account' }).click();
  await page.getByLabel('Your username').fill(person.username);
  await page.getByRole('button', { name: 'Delete for good' }).click();
  await page.getByRole('heading', { name: 'Log in' }).waitFor();
  expect(await tokenOf(person)).toBeUndefined();
});

it('changes the password, which ends other sessions and not this one', async () => {
  const person = newPerson();
  const page = await newPage();
  await signUp(page, person);
  const before = await cookieOf(page);
  await openAccount(page);
  await page.getByLabel('Current password').fill('not the password');
  await page.getByLabel('New password').fill('another horse battery');
  await page.getByRole('button', { name: 'Change password' }).click();
  await page.getByText(/current_password.* is wrong|current password is wrong/i).waitFor();
  await page.getByLabel('Current password').fill(person.password);
  await page.getByRole('button', { name: 'Change password' }).click();
  await page.getByText(/Password changed/).waitFor();
  await expect.poll(async () => (await cookieOf(page)).value).not.toBe(before.value);
  await page.reload();
  await page.getByRole('heading', { name: 'Account', exact: true }).waitFor();
  expect(await tokenOf(person)).toBeUndefined();
  // For the cleanup.
  expect(await tokenOf({ ...person, password: 'another horse battery' })).toBeDefined();
  await page.getByRole('button', { name: 'Delete account' }).click();
  await page.getByLabel('Your username').fill(person.username);
  await page.getByRole('button', { name: 'Delete for good' }).click();
  await page.getByRole('heading', { name: 'Log in' }).waitFor();
});

it('logs out everywhere, and first deletes what could still be undone', async () => {
  const person = newPerson();
  const page = await newPage();
  await signUp(page, person);
  await upload(page, [FIXTURES[2]?.path ?? '', FIXTURES[3]?.path ?? '']);
  await openPicture(page, 'turning');
  await page.keyboard.press('Delete');
  await page.getByText('“turning” was deleted.').waitFor();
  await page.keyboard.press('Escape');
  await page.getByRole('dialog', { name: 'rose haze' }).waitFor({ state: 'detached' });
  await openAccount(page);
  await page.getByRole('button', { name: 'Log out everywhere' }).click();
  const question = page.getByRole('alertdialog');
  await question.getByRole('button', { name: 'Log out everywhere' }).click();
  await page.getByRole('heading', { name: 'Log in' }).waitFor();
  await expect.poll(() => page.context().cookies()).toEqual([]);
  expect(await storedPictures(person)).toBe(1);
  expect(await page.getByText(/wasn’t deleted/).count()).toBe(0);
});

it('downloads all data of an account as one ZIP', async () => {
  const person = newPerson();
  const page = await newPage();
  await signUp(page, person);
  const paths = [FIXTURES[0]?.path ?? '', FIXTURES[1]?.path ?? ''];
  await upload(page, paths);
  await openAccount(page);
  const waiting = page.waitForEvent('download', { timeout: 60_000 });
  await page.getByRole('button', { name: 'Download', exact: true }).click();
  const saved = await (await waiting).path();
  const files = unzipSync(new Uint8Array(readFileSync(saved)));
  const sizes = Object.entries(files)
    .filter(([name]) => name.startsWith('Pictures/'))
    .map(([, bytes]) => Buffer.from(bytes).toString('base64'));
  expect(sizes.sort()).toEqual(paths.map((path) => readFileSync(path, 'base64')).sort());
  const json = (name: string): unknown => JSON.parse(new TextDecoder().decode(files[name]));
  expect(json('pictures.json')).toHaveLength(2);
  expect(json('account.json')).toMatchObject({ username: person.username });
  expect(Array.isArray(json('calls.json'))).toBe(true);
});

async function openAccount(page: Page): Promise<void> {
  await page.getByRole('button', { name: 'Account and settings' }).click();
  await page.getByRole('link', { name: 'Account', exact: true }).click();
  await page.getByRole('heading', { name: 'Account', exact: true }).waitFor();
}

/** The session cookie, once the browser has it. */
async function cookieOf(page: Page) {
  const find = async () => (await page.context().cookies())[0];
  await expect.poll(find).toBeDefined();
  const cookie = await find();
  if (cookie === undefined) throw new Error('there is no cookie');
  return cookie;
}

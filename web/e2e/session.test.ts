import { expect, it } from 'vitest';
import {
  logIn,
  logOut,
  openPicture,
  signUp,
  signUpHere,
  tiles,
  tokenOf,
  upload,
} from './support/app';
import { newPage, newPerson, useBrowser } from './support/browser';
import { FIXTURES } from './support/images';
import { expiredToken } from './support/stack';

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

  // From now on the service receives an expired token.
  const { userId } = (await tokenOf(person)) ?? { userId: '' };
  const expired = expiredToken(userId);
  await page.route(/\/rest\/pictures/, (route) => {
    const headers = { ...route.request().headers(), authorization: `Bearer ${expired}` };
    return route.continue({ headers });
  });
  await page.reload();
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

  // Sessions aren't shared between tabs.
  const other = await page.context().newPage();
  await other.goto('/pictures');
  await other.getByRole('heading', { name: 'Log in' }).waitFor();
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
  await page.getByRole('button', { name: 'Account and settings' }).click();
  await page.getByRole('button', { name: 'Delete account' }).click();
  await page.getByLabel('Your username').fill(person.username);
  await page.getByRole('button', { name: 'Delete for good' }).click();
  await page.getByRole('heading', { name: 'Log in' }).waitFor();
  expect(await tokenOf(person)).toBeUndefined();
});

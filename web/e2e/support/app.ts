import type { Locator, Page } from 'playwright-core';
import { readStack } from './stack';

export interface Person {
  readonly username: string;
  readonly password: string;
}

// What a person does in the app, in the app's own words.

export async function signUp(page: Page, person: Person): Promise<void> {
  await page.goto('/signup');
  await signUpHere(page, person);
}

/** On the page that is open: what the app has in memory stays there. */
export async function signUpHere(page: Page, person: Person): Promise<void> {
  await fillCredentials(page, person);
  await page.getByRole('button', { name: 'Sign up' }).click();
  await page.getByRole('heading', { name: 'Pictures', exact: true }).waitFor();
}

export async function logIn(page: Page, person: Person): Promise<void> {
  await page.getByRole('heading', { name: 'Log in' }).waitFor();
  await fillCredentials(page, person);
  await page.getByRole('button', { name: 'Log in' }).click();
}

async function fillCredentials(page: Page, { username, password }: Person): Promise<void> {
  await page.getByLabel('Username').fill(username);
  await page.getByRole('textbox', { name: 'Password' }).fill(password);
}

export async function logOut(page: Page): Promise<void> {
  await page.getByRole('button', { name: 'Account and settings' }).click();
  await page.getByRole('button', { name: 'Log out' }).click();
  await page.getByRole('heading', { name: 'Log in' }).waitFor();
}

/** Switches, and waits until it is so: a click before the app is there takes effect only then. */
export async function chooseTransport(page: Page, label: string): Promise<void> {
  await page.getByRole('button', { name: label, exact: true }).click();
  await chosenTransport(page, label).waitFor();
}

/** The switch's part for a transport, once that is the chosen one. */
export const chosenTransport = (page: Page, label: string) =>
  page.getByRole('button', { name: label, exact: true, pressed: true });

/** Opens the upload dialog and chooses files; sends nothing yet. */
export async function chooseFiles(page: Page, paths: readonly string[]): Promise<Locator> {
  await page.getByRole('button', { name: 'Upload', exact: true }).click();
  const dialog = page.getByRole('dialog', { name: 'Upload pictures' });
  await dialog.getByTestId('file-input').setInputFiles([...paths]);
  return dialog;
}

/** Uploads files, waits until each is stored, and closes the dialog. */
export async function upload(page: Page, paths: readonly string[]): Promise<void> {
  const dialog = await chooseFiles(page, paths);
  // By the whole count: it stands there before the last file has been checked.
  const pictures = paths.length === 1 ? 'picture' : 'pictures';
  await dialog
    .getByRole('button', { name: `Upload ${paths.length} ${pictures}`, exact: true })
    .click();
  await dialog
    .getByText(`${paths.length} uploaded`, { exact: true })
    .waitFor({ state: 'attached' });
  await dialog.getByRole('button', { name: 'Close' }).click();
  await dialog.waitFor({ state: 'detached' });
}

export const tiles = (page: Page) =>
  page.getByRole('list', { name: 'Your pictures' }).getByRole('listitem');

export async function openPicture(page: Page, title: string): Promise<Locator> {
  await page.getByRole('link', { name: new RegExp(`^${title}`) }).click();
  const view = page.getByRole('dialog', { name: title });
  await view.getByRole('img', { name: title }).waitFor();
  return view;
}

/** Whether the browser has decoded a picture. */
export async function isShown(image: Locator): Promise<boolean> {
  return image.evaluate((element: HTMLImageElement) =>
    element.decode().then(
      () => element.naturalWidth > 0,
      () => false,
    ),
  );
}

// What is beside the app: the facade itself, for preparing and cleaning up.

async function call(path: string, method: string, body?: unknown, token?: string) {
  return fetch(`${readStack().gateway_url}/rest${path}`, {
    method,
    headers: {
      'content-type': 'application/json',
      ...(token !== undefined && { authorization: `Bearer ${token}` }),
    },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  });
}

/** A token of the person's, and whose id it says; undefined where there is no such person. */
export async function tokenOf(
  person: Person,
): Promise<{ token: string; userId: string } | undefined> {
  const login = await call('/login', 'POST', person);
  if (login.status === 401) return undefined;
  if (!login.ok) throw new Error(`the login answered with ${login.status}`);
  const { access_token } = (await login.json()) as { access_token: string };
  const validation = await call('/auth', 'POST', { access_token });
  const { user_id } = (await validation.json()) as { user_id: string };
  return { token: access_token, userId: user_id };
}

export async function deleteUser(person: Person): Promise<void> {
  const known = await tokenOf(person);
  if (known === undefined) return;
  await call(`/users/${known.userId}`, 'DELETE', undefined, known.token);
}

/** How many pictures the service has of a person, whatever the app shows. */
export async function storedPictures(person: Person): Promise<number> {
  const known = await tokenOf(person);
  if (known === undefined) throw new Error(`no user ${person.username}`);
  const path = '/pictures?metadata_only=true&limit=100';
  const list = await call(path, 'GET', undefined, known.token);
  return ((await list.json()) as unknown[]).length;
}

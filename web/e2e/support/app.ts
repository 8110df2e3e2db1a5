import { readFileSync } from 'node:fs';
import { basename, extname } from 'node:path';
import type { Locator, Page } from 'playwright-core';
import { readStack } from './stack';

export interface Person {
  readonly username: string;
  readonly password: string;
}

// Actions of a user in the app.

export async function signUp(page: Page, person: Person): Promise<void> {
  await page.goto('/signup');
  await signUpHere(page, person);
}

/** Signs up on the current page, without a reload that would clear the app's memory. */
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

/** Chooses a transport in the connection's drawer, and closes it. */
export async function chooseTransport(page: Page, label: string): Promise<void> {
  await connection(page).click();
  const drawer = page.getByRole('dialog', { name: 'Connection' });
  await drawer.getByRole('button', { name: label, exact: true }).click();
  await drawer.getByRole('button', { name: label, exact: true, pressed: true }).waitFor();
  await drawer.getByRole('button', { name: 'Close' }).click();
  await drawer.waitFor({ state: 'detached' });
}

/** The dot that shows the connection, or that of a transport while it is the chosen one. */
export const connection = (page: Page, label = '') =>
  page.getByRole('button', { name: new RegExp(`^Connection: ${label}`) });

/** The list of uploads. */
export const tray = (page: Page) => page.getByRole('region', { name: 'Uploads' });

/** Chooses files, which are uploaded at once. Returns the list of uploads. */
export async function chooseFiles(page: Page, paths: readonly string[]): Promise<Locator> {
  await page.getByTestId('file-input').setInputFiles([...paths]);
  return tray(page);
}

/** Uploads files, waits until each is stored, and closes the list. */
export async function upload(page: Page, paths: readonly string[]): Promise<void> {
  const list = await chooseFiles(page, paths);
  await list.getByRole('heading', { name: `${paths.length} uploaded`, exact: true }).waitFor();
  await list.getByRole('button', { name: 'Close the list' }).click();
  await list.waitFor({ state: 'detached' });
}

/** The pictures of the timeline that are on the page. */
export const tiles = (page: Page) =>
  page.getByRole('grid', { name: 'Your pictures' }).getByRole('link');

/** The thumbnails that have been drawn. */
export const thumbnails = (page: Page) => tiles(page).locator('canvas[data-shown=true]');

/** Whether a thumbnail has a picture in its centre. */
export async function isDrawn(thumbnail: Locator): Promise<boolean> {
  return thumbnail.evaluate((canvas: HTMLCanvasElement) => {
    const [x, y] = [canvas.width >> 1, canvas.height >> 1];
    const [, , , alpha] = canvas.getContext('2d')?.getImageData(x, y, 1, 1).data ?? [];
    return canvas.width > 40 && alpha === 255;
  });
}

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

// Direct calls to the facade, for setup and cleanup.

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

/** Logs in; returns a token and the user's id, or undefined if there is no such user. */
export async function tokenOf(
  person: Person,
): Promise<{ token: string; userId: string } | undefined> {
  const login = await call('/login', 'POST', person);
  if (login.status === 401) return undefined;
  if (!login.ok) throw new Error(`the login returned ${login.status}`);
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

/** Stores pictures for a user without the app. Titles are the files' names. */
export async function storePictures(person: Person, paths: readonly string[]): Promise<void> {
  const known = await tokenOf(person);
  if (known === undefined) throw new Error(`no user ${person.username}`);
  for (const path of paths) {
    const title = basename(path, extname(path)).replaceAll(/[-_]/g, ' ');
    const base64 = readFileSync(path, 'base64');
    const stored = await call('/pictures', 'POST', { title, base64 }, known.token);
    if (!stored.ok) throw new Error(`POST /pictures returned ${stored.status}`);
  }
}

/** The number of pictures that the service has stored for a user. */
export async function storedPictures(person: Person): Promise<number> {
  const known = await tokenOf(person);
  if (known === undefined) throw new Error(`no user ${person.username}`);
  const path = '/pictures?metadata_only=true&limit=100';
  const list = await call(path, 'GET', undefined, known.token);
  return ((await list.json()) as unknown[]).length;
}

/** The keys of everything in the caches, as `<cache> <path>`. */
export const cached = (page: Page) =>
  page.evaluate(async () => {
    const names = await caches.keys();
    const all = await Promise.all(
      names.map(async (name) => {
        const requests = await (await caches.open(name)).keys();
        return requests.map(({ url }) => `${name} ${new URL(url).pathname}`);
      }),
    );
    return all.flat();
  });

import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import {
  chooseTransport,
  connection,
  isShown,
  logIn,
  logOut,
  openPicture,
  signUp,
  tiles,
  upload,
  thumbnails,
  isDrawn,
} from './support/app';
import { newPage, newPerson, useBrowser } from './support/browser';
import { bytesOf, FIXTURES } from './support/images';

useBrowser();

const sha256 = (bytes: Buffer) => createHash('sha256').update(bytes).digest('hex');

describe.each(['REST', 'gRPC', 'Events'])('over %s', (label) => {
  it('supports the main workflow with real files of every type', async () => {
    const person = newPerson();
    const page = await newPage({ permissions: ['clipboard-read', 'clipboard-write'] });
    const transport = label.toLowerCase();
    const calls: string[] = [];
    page.on('request', (request) => {
      const { pathname } = new URL(request.url());
      if (/^\/(rest|grpc|events)\//.test(pathname)) calls.push(pathname);
    });

    // Even signing up uses the chosen transport.
    await page.goto('/signup');
    await chooseTransport(page, label);
    await signUp(page, person);
    await page.getByText('No pictures yet').waitFor();

    await upload(
      page,
      FIXTURES.map(({ path }) => path),
    );

    // A new page has nothing in memory, so it shows what was stored.
    await page.reload();
    await thumbnails(page)
      .nth(FIXTURES.length - 1)
      .waitFor();
    expect(await tiles(page).count()).toBe(FIXTURES.length);
    for (const thumbnail of await thumbnails(page).all())
      expect(await isDrawn(thumbnail)).toBe(true);

    for (const { title, type, path } of FIXTURES) {
      const view = await openPicture(page, title);
      // The preview takes the place of the thumbnail.
      await expect.poll(() => isShown(view.getByRole('img', { name: title }))).toBe(true);
      await view.getByRole('button', { name: 'Information' }).click();
      expect(await view.getByRole('complementary').innerText()).toContain(type);

      const downloading = page.waitForEvent('download');
      await view.getByRole('button', { name: 'Download' }).click();
      const download = await downloading;
      expect(sha256(readFileSync(await download.path()))).toBe(sha256(bytesOf(path)));
      expect(download.suggestedFilename()).toMatch(new RegExp(`^${title}\\.[a-z]+$`));

      await view.getByRole('button', { name: 'Close' }).click();
      await view.waitFor({ state: 'detached' });
    }

    const [first] = FIXTURES;
    if (first === undefined) throw new Error('no fixtures');
    const view = await openPicture(page, first.title);
    await view.getByRole('button', { name: 'Delete' }).click();
    const notice = page.getByText(`“${first.title}” was deleted.`);
    await notice.waitFor();
    await page.keyboard.press('Escape');
    // The notice is a dialog too, so this doesn't wait for the end of all dialogs.
    await page.waitForURL('**/pictures');
    await expect.poll(() => tiles(page).count()).toBe(FIXTURES.length - 1);
    // The service is called when the offer to undo ends.
    const deletion = page.waitForResponse((response) => response.request().method() === 'DELETE');
    await page.getByRole('button', { name: 'Dismiss' }).click();
    const trace = (await (await deletion).headerValue('traceparent'))?.split('-')[1] ?? 'none';
    expect(await page.getByRole('link', { name: first.title }).count()).toBe(0);
    expect(await connection(page, label).getAttribute('aria-label')).toMatch(/last call .*m?s$/);

    await page.getByRole('link', { name: 'Analytics' }).first().click();
    // Without filters, calls of other users and of this page would push it off the first page.
    await page.getByRole('combobox', { name: 'Transport' }).selectOption(transport);
    const operation = page.getByRole('combobox', { name: 'Operation' });
    // Logs arrive asynchronously, so the page is refreshed until they are there.
    const refreshed = async (read: () => Promise<string | null>) => {
      await page.getByRole('button', { name: 'Refresh' }).click();
      return read();
    };
    await expect
      .poll(() => refreshed(() => operation.textContent()), { interval: 1_000 })
      .toContain('pictures/DeleteUserPicture');
    await operation.selectOption('pictures/DeleteUserPicture');
    const logged = page.getByRole('region', { name: 'Your calls' });
    await expect
      .poll(() => refreshed(() => logged.innerText()), { interval: 1_000 })
      .toMatch(
        new RegExp(`${label}\\s+pictures/DeleteUserPicture\\s+204\\s.*${trace.slice(0, 16)}`),
      );

    await logOut(page);
    await logIn(page, person);
    await tiles(page).first().waitFor();

    expect(calls.length).toBeGreaterThan(15);
    expect(calls.filter((path) => !path.startsWith(`/${transport}/`))).toEqual([]);
  });
});

it('returns from a picture to the previous page', async () => {
  const page = await newPage();
  await signUp(page, newPerson());
  await upload(page, [FIXTURES[0]?.path ?? '']);
  const before = await page.evaluate(() => history.length);
  const view = await openPicture(page, 'Evening over the hills');
  const address = page.url();
  await view.getByRole('button', { name: 'Close' }).click();
  await page.waitForURL('**/pictures');
  await expect.poll(() => page.title()).toBe('Your pictures · Trichrome');
  await page.goto(address);
  await view.waitFor();
  await view.getByRole('button', { name: 'Close' }).click();
  await page.waitForURL('**/pictures');
  // Closing replaced the picture's history entry, so going back doesn't open it again.
  expect(await page.evaluate(() => history.length)).toBe(before + 1);
  await page.goBack();
  await view.waitFor({ state: 'detached' });
  expect(new URL(page.url()).pathname).toBe('/pictures');
});

it('remembers the transport across visits', async () => {
  const page = await newPage();
  await page.goto('/login');
  await chooseTransport(page, 'Events');
  await page.reload();
  await connection(page, 'Events').waitFor();
});

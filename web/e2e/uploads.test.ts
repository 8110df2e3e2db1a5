import { readFileSync } from 'node:fs';
import type { Page } from 'playwright-core';
import { expect, it } from 'vitest';
import { chooseFiles, signUp, storedPictures, tiles } from './support/app';
import { newPage, newPerson, useBrowser } from './support/browser';
import { FIXTURES, noisePng, temporaryFile } from './support/images';

useBrowser();

const fixture = (index: number) => FIXTURES[index]?.path ?? '';

it('refuses invalid files with a reason and sends none of them', async () => {
  const person = newPerson();
  const page = await newPage();
  await signUp(page, person);
  let sent = 0;
  page.on('request', (request) => {
    if (request.method() === 'POST') sent += 1;
  });
  const dialog = await chooseFiles(page, [
    temporaryFile('report.png', Buffer.from('%PDF-1.7\nnot a picture at all')),
    temporaryFile('words.jpg', Buffer.from('just some words')),
    temporaryFile('drawing.svg', Buffer.from('<svg xmlns="http://www.w3.org/2000/svg"/>')),
    temporaryFile('empty.png', Buffer.alloc(0)),
    temporaryFile('huge.png', noisePng(1300, 1200)),
  ]);
  for (const reason of [
    /This is a PDF\./,
    /This is not a picture\./,
    /This is an SVG drawing\./,
    /The file is empty\./,
    /Too large: 4\.5 MB\. The limit is 4 MB\./,
  ]) {
    await dialog.getByText(reason).waitFor();
  }
  expect(await dialog.getByRole('button', { name: /^Upload \d/ }).count()).toBe(0);
  expect(sent).toBe(0);
  expect(await storedPictures(person)).toBe(0);
});

it('accepts a picture just below the limit', async () => {
  const person = newPerson();
  const page = await newPage();
  await signUp(page, person);
  const png = noisePng(1180, 1180);
  expect(png.length).toBeLessThanOrEqual(4 * 1024 * 1024);
  expect(png.length).toBeGreaterThan(3.9 * 1024 * 1024);
  const dialog = await chooseFiles(page, [temporaryFile('full.png', png)]);
  await dialog.getByRole('button', { name: 'Upload 1 picture' }).click();
  await dialog.getByText('1 uploaded', { exact: true }).waitFor({ state: 'attached' });
  expect(await storedPictures(person)).toBe(1);
});

it('shows an upload’s progress on a slow network, then cancels and retries it', async () => {
  const person = newPerson();
  const page = await newPage();
  await signUp(page, person);
  const network = await page.context().newCDPSession(page);
  const throttle = (uploadThroughput: number) =>
    network.send('Network.emulateNetworkConditions', {
      offline: false,
      latency: 40,
      downloadThroughput: -1,
      uploadThroughput,
    });
  await network.send('Network.enable');
  await throttle(40_000);

  const dialog = await chooseFiles(page, [temporaryFile('slow.png', noisePng(900, 900))]);
  await dialog.getByRole('button', { name: 'Upload 1 picture' }).click();
  const bar = dialog.getByRole('progressbar', { name: 'Uploading slow' });
  await bar.waitFor();
  const seen = new Set<number>();
  await expect
    .poll(async () => seen.add(Number(await bar.getAttribute('aria-valuenow'))).size)
    .toBeGreaterThan(3);
  expect([...seen]).toEqual([...seen].sort((a, b) => a - b));

  // The upload continues in the background, and the status stays visible.
  await dialog.getByRole('button', { name: 'Close' }).click();
  await page.getByRole('button', { name: 'Uploading 1 picture' }).click();
  await dialog.getByRole('button', { name: 'Cancel slow' }).click();
  await dialog.getByText('Cancelled', { exact: true }).waitFor();

  await throttle(-1);
  await dialog.getByRole('button', { name: 'Retry slow' }).click();
  await dialog.getByText('1 uploaded', { exact: true }).waitFor({ state: 'attached' });
  expect(await storedPictures(person)).toBe(1);
});

it('stores one picture when an upload is retried after lost responses', async () => {
  const person = newPerson();
  const page = await newPage();
  await signUp(page, person);
  let lost = 0;
  await page.route('**/rest/pictures', async (route) => {
    if (route.request().method() !== 'POST' || lost === 2) return route.fallback();
    lost += 1;
    // The service receives the request, but its response never reaches the page.
    await route.fetch();
    return route.abort('connectionreset');
  });
  const dialog = await chooseFiles(page, [fixture(1)]);
  await dialog.getByRole('button', { name: 'Upload 1 picture' }).click();
  for (let retry = 0; retry < 2; retry++) {
    await dialog.getByText(/can’t be reached/).waitFor();
    await dialog.getByRole('button', { name: 'Retry green valley' }).click();
  }
  await dialog.getByText('1 uploaded', { exact: true }).waitFor({ state: 'attached' });
  expect(lost).toBe(2);
  expect(await storedPictures(person)).toBe(1);
});

it('accepts pictures dropped or pasted anywhere on the page', async () => {
  const person = newPerson();
  const page = await newPage();
  await signUp(page, person);
  await page.getByText('No pictures yet').waitFor();
  await transfer(page, 'drop', 'evening.jpg', fixture(0));
  const dialog = page.getByRole('dialog', { name: 'Upload pictures' });
  await dialog.getByText(/^JPEG, \d/).waitFor();
  await transfer(page, 'paste', 'image.png', fixture(1));
  await dialog.getByText(/^PNG, \d/).waitFor();
  await dialog.getByRole('button', { name: 'Upload 2 pictures' }).click();
  await dialog.getByText('2 uploaded', { exact: true }).waitFor({ state: 'attached' });
  await dialog.getByRole('button', { name: 'Close' }).click();
  await page.getByRole('link', { name: /^Pasted picture/ }).waitFor();
  await page.getByRole('link', { name: /^evening/ }).waitFor();
});

it('reports a file that has changed since it was chosen', async () => {
  const page = await newPage();
  await signUp(page, newPerson());
  const dialog = await chooseFiles(page, [temporaryFile('changing.png', noisePng(8, 8))]);
  const send = dialog.getByRole('button', { name: 'Upload 1 picture' });
  await send.waitFor();
  temporaryFile('changing.png', noisePng(9, 9));
  await send.click();
  await dialog.getByText(/has changed since it was chosen/).waitFor();
});

it('loads more pictures on scrolling', async () => {
  const person = newPerson();
  const page = await newPage();
  await signUp(page, person);
  const files = Array.from({ length: 34 }, (_, i) =>
    temporaryFile(`number ${i}.png`, noisePng(8, 8)),
  );
  const dialog = await chooseFiles(page, files);
  await dialog.getByRole('button', { name: 'Upload 34 pictures' }).click();
  await dialog
    .getByText('34 uploaded', { exact: true })
    .waitFor({ state: 'attached', timeout: 90_000 });
  await page.reload();
  await tiles(page).first().waitFor();
  expect(await tiles(page).count()).toBe(30);
  await page.mouse.move(640, 500);
  await expect
    .poll(
      async () => {
        await page.mouse.wheel(0, 2_000);
        return tiles(page).count();
      },
      { timeout: 20_000 },
    )
    .toBe(34);
}, 240_000);

/** Drops or pastes a real file on the page with the events of a browser. */
async function transfer(page: Page, kind: 'drop' | 'paste', name: string, path: string) {
  const base64 = readFileSync(path).toString('base64');
  await page.evaluate(
    ([kind, name, base64]) => {
      const bytes = Uint8Array.from(atob(base64), (char) => char.charCodeAt(0));
      const data = new DataTransfer();
      data.items.add(new File([bytes], name));
      const options = { bubbles: true, cancelable: true };
      document.body.dispatchEvent(
        kind === 'drop'
          ? new DragEvent('drop', { ...options, dataTransfer: data })
          : new ClipboardEvent('paste', { ...options, clipboardData: data }),
      );
    },
    [kind, name, base64] as const,
  );
}

import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { Page, Request, Route } from 'playwright-core';
import { expect, it } from 'vitest';
import { chooseFiles, chooseTransport, signUp, storedPictures, tray } from './support/app';
import { newPage, newPerson, useBrowser } from './support/browser';
import { FIXTURES, noisePng, temporaryFile } from './support/images';
import { readStack } from './support/stack';

useBrowser();

const fixture = (index: number) => FIXTURES[index]?.path ?? '';

/** Requests that carry a part to the storage. */
const isPart = (request: Request) =>
  request.method() === 'PUT' && request.url().startsWith(readStack().aws_endpoint);

const uploaded = (page: Page, count: number) =>
  tray(page).getByRole('heading', { name: `${count} uploaded`, exact: true });

it.each(['REST', 'gRPC', 'Events'])(
  'uploads a photo of 12 MB over %s',
  async (transport) => {
    const person = newPerson();
    const page = await newPage();
    await signUp(page, person);
    await chooseTransport(page, transport);
    const png = noisePng(2_000, 2_000);
    expect(png.length).toBeGreaterThan(12_000_000);
    await chooseFiles(page, [temporaryFile('large.png', png)]);
    await uploaded(page, 1).waitFor({ timeout: 120_000 });
    expect(await storedPictures(person)).toBe(1);
  },
  240_000,
);

it('refuses invalid files with a reason and sends none of them', async () => {
  const person = newPerson();
  const page = await newPage();
  await signUp(page, person);
  let sent = 0;
  page.on('request', (request) => {
    if (new URL(request.url()).pathname.endsWith('/uploads')) sent += 1;
  });
  const list = await chooseFiles(page, [
    temporaryFile('report.png', Buffer.from('%PDF-1.7\nnot a picture at all')),
    temporaryFile('words.jpg', Buffer.from('just some words')),
    temporaryFile('drawing.svg', Buffer.from('<svg xmlns="http://www.w3.org/2000/svg"/>')),
    temporaryFile('empty.png', Buffer.alloc(0)),
    temporaryFile('phone.heic', Buffer.from('\0\0\0\x18ftypheic\0\0\0\0mif1heic')),
  ]);
  for (const reason of [
    /This is a PDF\./,
    /This is not a picture\./,
    /This is an SVG drawing\./,
    /The file is empty\./,
    /This is a HEIC picture/,
  ]) {
    await list.getByText(reason).waitFor();
  }
  await list.getByRole('heading', { name: '5 refused' }).waitFor();
  expect(sent).toBe(0);
  expect(await storedPictures(person)).toBe(0);
});

it('continues an interrupted upload after a reload, with the parts that are missing', async () => {
  const person = newPerson();
  const page = await newPage();
  await signUp(page, person);
  // Three parts, of which only the first arrives.
  const file = temporaryFile('interrupted.png', noisePng(2_600, 2_600));
  const blocked = (route: Route) =>
    isPart(route.request()) && arrived > 0 ? route.abort('connectionreset') : route.fallback();
  let arrived = 0;
  page.on('response', (response) => {
    if (isPart(response.request()) && response.ok()) arrived += 1;
  });
  // One part at a time gets through before the connection is lost.
  await page.route(`${readStack().aws_endpoint}/**`, blocked);
  await chooseFiles(page, [file]);
  await expect.poll(() => arrived, { timeout: 60_000 }).toBeGreaterThan(0);
  const before = arrived;

  await page.unroute(`${readStack().aws_endpoint}/**`, blocked);
  await page.reload();
  await uploaded(page, 1).waitFor({ timeout: 120_000 });
  expect(arrived - before).toBeLessThan(3);
  expect(await storedPictures(person)).toBe(1);
}, 240_000);

it('shows progress on a slow network, pauses, cancels and retries', async () => {
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

  const list = await chooseFiles(page, [temporaryFile('slow.png', noisePng(900, 900))]);
  const bar = list.getByRole('progressbar', { name: 'Uploading slow' });
  await bar.waitFor();
  const seen = new Set<number>();
  await expect
    .poll(async () => seen.add(Number(await bar.getAttribute('aria-valuenow'))).size)
    .toBeGreaterThan(3);
  expect([...seen]).toEqual([...seen].sort((a, b) => a - b));
  await list.getByText(/\/s · .* left/).waitFor();

  await list.getByRole('button', { name: 'Pause' }).click();
  await list.getByRole('heading', { name: 'Paused: 1 picture left' }).waitFor();
  await list.getByRole('button', { name: 'Resume' }).click();
  await list.getByRole('button', { name: 'Cancel slow' }).click();
  await list.getByText('Cancelled', { exact: true }).waitFor();

  await throttle(-1);
  await list.getByRole('button', { name: 'Retry slow' }).click();
  await uploaded(page, 1).waitFor();
  expect(await storedPictures(person)).toBe(1);
});

it('stores one picture when responses are lost', async () => {
  const person = newPerson();
  const page = await newPage();
  await signUp(page, person);
  const lost = new Map<string, number>();
  await page.route(/\/rest\/uploads/, async (route) => {
    const { pathname } = new URL(route.request().url());
    const kind = pathname.endsWith('/complete') ? 'complete' : 'begin';
    const count = lost.get(kind) ?? 0;
    if (route.request().method() !== 'POST' || count === 2) return route.fallback();
    lost.set(kind, count + 1);
    // The service receives the request, but its response never reaches the page.
    await route.fetch();
    return route.abort('connectionreset');
  });
  await chooseFiles(page, [fixture(1)]);
  await uploaded(page, 1).waitFor({ timeout: 60_000 });
  expect(Object.fromEntries(lost)).toEqual({ begin: 2, complete: 2 });
  expect(await storedPictures(person)).toBe(1);
});

it('uploads pictures dropped or pasted anywhere, and mentions duplicates', async () => {
  const person = newPerson();
  const page = await newPage();
  await signUp(page, person);
  await page.getByText('No pictures yet').waitFor();
  await transfer(page, 'drop', 'evening.jpg', fixture(0));
  await uploaded(page, 1).waitFor();
  await transfer(page, 'paste', 'image.png', fixture(1));
  await uploaded(page, 2).waitFor();
  await page.getByRole('link', { name: /^Pasted picture/ }).waitFor();
  await page.getByRole('link', { name: /^evening/ }).waitFor();

  await transfer(page, 'drop', 'again.jpg', fixture(0));
  await tray(page).getByText('Already uploaded as “evening”.').waitFor();
  expect(await storedPictures(person)).toBe(2);
  await tray(page).getByRole('button', { name: 'Upload anyway' }).click();
  await uploaded(page, 3).waitFor();
  expect(await storedPictures(person)).toBe(3);
});

it('explains a drop and a paste that bring no picture', async () => {
  const page = await newPage();
  await signUp(page, newPerson());
  await page.getByText('No pictures yet').waitFor();
  await page.evaluate(() => {
    const data = new DataTransfer();
    data.setData('text/uri-list', 'https://elsewhere.example/photo.jpg');
    const options = { bubbles: true, cancelable: true, dataTransfer: data };
    document.body.dispatchEvent(new DragEvent('drop', options));
  });
  await page.getByText(/Save the picture first/).waitFor();
  await page.evaluate(() => {
    const data = new DataTransfer();
    data.setData('text/plain', 'Dear reader');
    data.setData('text/html', '<p>Dear reader</p>');
    data.items.add(new File(['x'], 'image.png', { type: 'image/png' }));
    const options = { bubbles: true, cancelable: true, clipboardData: data };
    document.body.dispatchEvent(new ClipboardEvent('paste', options));
  });
  await page.getByText(/That is text/).waitFor();
  expect(await tray(page).count()).toBe(0);
});

it('uploads a folder that is dropped, without what systems put there', async () => {
  const person = newPerson();
  const page = await newPage();
  await signUp(page, person);
  await page.getByText('No pictures yet').waitFor();
  const folder = dirname(temporaryFile('Thumbs.db', Buffer.from('system')));
  const holiday = join(folder, 'holiday');
  mkdirSync(join(holiday, 'day one'), { recursive: true });
  copyFileSync(fixture(1), join(holiday, 'valley.png'));
  copyFileSync(fixture(2), join(holiday, 'day one', 'circles.gif'));
  writeFileSync(join(holiday, '.DS_Store'), 'system');
  await dropPaths(page, [holiday]);
  await uploaded(page, 2).waitFor();
  await page.getByRole('link', { name: /^valley/ }).waitFor();
  await page.getByRole('link', { name: /^circles/ }).waitFor();
  expect(await storedPictures(person)).toBe(2);

  const empty = join(folder, 'empty');
  mkdirSync(empty);
  await dropPaths(page, [empty]);
  await page.getByText('The folder is empty.').waitFor();
});

it('sends the parts of a file in parallel', async () => {
  const page = await newPage();
  await signUp(page, newPerson());
  let running = 0;
  let most = 0;
  await page.route(`${readStack().aws_endpoint}/**`, async (route) => {
    if (!isPart(route.request())) return route.fallback();
    running += 1;
    most = Math.max(most, running);
    // Answers when all three have been sent, or the only one of a late attempt.
    await expect.poll(() => most, { timeout: 20_000 }).toBe(3);
    running -= 1;
    return route.continue();
  });
  await chooseFiles(page, [temporaryFile('parts.png', noisePng(2_600, 2_600))]);
  await uploaded(page, 1).waitFor({ timeout: 120_000 });
}, 240_000);

it('changes the title of an uploaded picture', async () => {
  const person = newPerson();
  const page = await newPage();
  await signUp(page, person);
  const list = await chooseFiles(page, [fixture(1)]);
  await uploaded(page, 1).waitFor();
  await list.getByRole('button', { name: /^Change the title green valley/ }).click();
  await list.getByLabel('Title', { exact: true }).fill('Valley in May');
  await list.getByLabel('Title', { exact: true }).press('Enter');
  await page.getByRole('link', { name: /^Valley in May/ }).waitFor();
});

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

/** Drops files or folders of the disk, as a file manager does. */
async function dropPaths(page: Page, files: string[]): Promise<void> {
  const session = await page.context().newCDPSession(page);
  const data = { items: [], files, dragOperationsMask: 1 };
  for (const type of ['dragEnter', 'dragOver', 'drop'] as const) {
    await session.send('Input.dispatchDragEvent', { type, x: 600, y: 400, data });
  }
}

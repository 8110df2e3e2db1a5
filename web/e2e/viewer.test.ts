import type { Page } from 'playwright-core';
import { expect, it } from 'vitest';
import { chooseFiles, openPicture, signUp, tiles, tray } from './support/app';
import { newPage, newPerson, PHONE, useBrowser } from './support/browser';
import { FIXTURES, orient, temporaryFile } from './support/images';
import { openTimeline } from './support/timeline';
import { centreOf, Fingers } from './support/touch';

useBrowser();

const view = (page: Page, title: string) => page.getByRole('dialog', { name: title, exact: true });

/** The downloads of pictures' bytes, by variant. */
function followDownloads(page: Page): string[] {
  const variants: string[] = [];
  page.on('request', (request) => {
    const variant = /(original|preview|thumbnail)/.exec(new URL(request.url()).pathname)?.[0];
    if (request.resourceType() !== 'document' && variant !== undefined) variants.push(variant);
  });
  return variants;
}

it('loads previews ahead, and the original only when it is zoomed', async () => {
  const page = await newPage();
  await openTimeline(page);
  const downloads = followDownloads(page);
  // Newest first: AVIF, WebP, GIF, PNG, JPEG.
  await openPicture(page, 'green valley');
  // Its own, and those of both neighbours.
  await expect.poll(() => downloads.filter((of) => of === 'preview').length).toBe(3);
  expect(downloads).not.toContain('original');
  await page.keyboard.press('ArrowRight');
  await view(page, 'Evening over the hills').waitFor();
  // The list of shortcuts has the keys to itself while it is open.
  await page.keyboard.press('?');
  await view(page, 'Keyboard shortcuts').waitFor();
  await page.keyboard.press('ArrowLeft');
  // As before the list has taken the focus.
  await page.locator('[data-scheme="dark"] header').dispatchEvent('keydown', { key: 'ArrowLeft' });
  await page.keyboard.press('Escape');
  await view(page, 'Keyboard shortcuts').waitFor({ state: 'detached' });
  await view(page, 'Evening over the hills').waitFor();
  await page.keyboard.press('+');
  await expect.poll(() => downloads.filter((of) => of === 'original').length).toBe(1);
  await page.keyboard.press('0');
  await page.getByRole('button', { name: 'Zoom out', disabled: true }).waitFor();
  await page.mouse.move(640, 400);
  await page.mouse.wheel(0, -400);
  await expect.poll(() => page.getByRole('button', { name: 'Zoom out' }).isEnabled()).toBe(true);
  await page.mouse.wheel(0, 4000);
  await page.getByRole('button', { name: 'Zoom out', disabled: true }).waitFor();
  await page.getByText('Evening over the hills, 5 of 5').waitFor({ state: 'attached' });
});

it('swipes, pinches and zooms by a double tap', async () => {
  const page = await newPage({ viewport: PHONE, hasTouch: true, isMobile: true });
  await openTimeline(page);
  await tiles(page).nth(1).tap();
  await view(page, 'rose haze').waitFor();
  const fingers = await Fingers.on(page);
  const image = page.getByRole('img', { name: 'rose haze' });
  await image.waitFor();
  const { x, y } = await centreOf(image);
  const at = (dx: number, dy = 0) => ({ x: x + dx, y: y + dy });
  const zoomOut = page.getByRole('button', { name: 'Zoom out' });

  await fingers.move([at(120)], [at(-120)]);
  await view(page, 'turning').waitFor();
  await fingers.move([at(-120)], [at(120)]);
  await view(page, 'rose haze').waitFor();

  await fingers.move([at(-30), at(30)], [at(-110), at(110)]);
  await expect.poll(() => zoomOut.isEnabled()).toBe(true);
  // While it is zoomed, a finger moves the picture instead of going on.
  await fingers.move([at(80)], [at(-80)]);
  expect(await view(page, 'rose haze').count()).toBe(1);
  await fingers.move([at(-150), at(150)], [at(-20), at(20)]);
  await expect.poll(() => zoomOut.isEnabled()).toBe(false);

  await page.touchscreen.tap(x, y);
  await page.touchscreen.tap(x, y);
  await expect.poll(() => zoomOut.isEnabled()).toBe(true);
  await page.touchscreen.tap(x, y);
  await page.touchscreen.tap(x, y);
  await expect.poll(() => zoomOut.isEnabled()).toBe(false);

  await fingers.move([at(0, -60)], [at(0, 160)]);
  await view(page, 'rose haze').waitFor({ state: 'detached' });
});

it('renames in place, and takes a change back with Escape', async () => {
  const page = await newPage();
  await openTimeline(page);
  await openPicture(page, 'turning');
  await page.getByRole('button', { name: 'Rename' }).click();
  await page.getByRole('textbox', { name: 'Title' }).fill('Never mind');
  await page.keyboard.press('Escape');
  await view(page, 'turning').waitFor();
  await page.getByRole('button', { name: 'Rename' }).click();
  await page.getByRole('textbox', { name: 'Title' }).fill('Three circles');
  const renamed = page.waitForResponse((response) => response.request().method() === 'PATCH');
  await page.keyboard.press('Enter');
  await view(page, 'Three circles').waitFor();
  expect((await renamed).ok()).toBe(true);
  await page.reload();
  await view(page, 'Three circles').waitFor();
});

it('removes a deleted picture from its neighbours, the grid and the memory at once', async () => {
  const page = await newPage();
  await page.addInitScript(() => {
    const live = new Map<string, Blob>();
    Object.assign(globalThis, { liveUrls: live });
    const create = URL.createObjectURL.bind(URL);
    const revoke = URL.revokeObjectURL.bind(URL);
    URL.createObjectURL = (blob: Blob) => {
      const url = create(blob);
      live.set(url, blob);
      return url;
    };
    URL.revokeObjectURL = (url: string) => {
      live.delete(url);
      revoke(url);
    };
  });
  await openTimeline(page);
  const liveUrls = () =>
    page.evaluate(() => (globalThis as unknown as { liveUrls: Map<string, Blob> }).liveUrls.size);
  // The timeline draws its pictures.
  expect(await liveUrls()).toBe(0);
  await openPicture(page, 'rose haze');
  await expect.poll(liveUrls).toBe(1);
  const id = new URL(page.url()).pathname.split('/').at(-1) ?? '';
  await page.keyboard.press('Delete');
  await view(page, 'turning').waitFor();
  await page.keyboard.press('ArrowLeft');
  await view(page, 'blue hour').waitFor();
  await page.keyboard.press('ArrowRight');
  await view(page, 'turning').waitFor();
  await page.keyboard.press('Escape');
  await view(page, 'turning').waitFor({ state: 'detached' });
  await expect.poll(() => tiles(page).count()).toBe(FIXTURES.length - 1);
  await expect.poll(liveUrls).toBe(0);
  await page.getByRole('button', { name: 'Dismiss' }).click();
  const cached = () =>
    page.evaluate(async () => {
      const caches_ = await Promise.all((await caches.keys()).map((name) => caches.open(name)));
      const keys = await Promise.all(caches_.map((cache) => cache.keys()));
      return keys.flat().map(({ url }) => url);
    });
  await expect.poll(async () => (await cached()).some((url) => url.includes(id))).toBe(false);
});

it('shows a picture upright that the camera has marked as turned', async () => {
  const page = await newPage();
  await signUp(page, newPerson());
  await page.getByText('No pictures yet').waitFor();
  // Red on the left, blue on the right; turned by 90 degrees, red is at the top.
  const base64 = await page.evaluate(() => {
    const canvas = document.createElement('canvas');
    [canvas.width, canvas.height] = [640, 320];
    const context = canvas.getContext('2d');
    if (context === null) throw new Error('no canvas');
    context.fillStyle = '#f00';
    context.fillRect(0, 0, 320, 320);
    context.fillStyle = '#00f';
    context.fillRect(320, 0, 320, 320);
    return canvas.toDataURL('image/jpeg', 0.95).split(',')[1] ?? '';
  });
  const jpeg = orient(Buffer.from(base64, 'base64'), 6);
  await chooseFiles(page, [temporaryFile('turned.jpg', jpeg)]);
  await tray(page).getByRole('heading', { name: '1 uploaded', exact: true }).waitFor();
  const top = { red: true, blue: false };
  const bottom = { red: false, blue: true };
  await expect
    .poll(() => ends(page, 'role=grid >> canvas[data-shown=true]'))
    .toEqual({ top, bottom, portrait: true });
  // Also without the file in memory.
  await page.reload();
  await expect
    .poll(() => ends(page, 'role=grid >> canvas[data-shown=true]'))
    .toEqual({ top, bottom, portrait: true });
  await openPicture(page, 'turned');
  await expect
    .poll(() => ends(page, 'role=dialog >> img'))
    .toEqual({ top, bottom, portrait: true });
});

/** The colours at the top and the bottom of a picture as the browser shows it. */
async function ends(page: Page, selector: string) {
  const image = page.locator(selector).first();
  if ((await image.count()) === 0) return undefined;
  return image.evaluate(async (element: HTMLImageElement | HTMLCanvasElement) => {
    let { width, height } = element;
    if (element instanceof HTMLImageElement) {
      await element.decode();
      ({ naturalWidth: width, naturalHeight: height } = element);
    }
    const canvas = document.createElement('canvas');
    [canvas.width, canvas.height] = [width, height];
    const context = canvas.getContext('2d');
    context?.drawImage(element, 0, 0);
    const at = (y: number) => {
      const [red = 0, , blue = 0] = context?.getImageData(width / 2, y, 1, 1).data ?? [];
      return { red: red > 200, blue: blue > 200 };
    };
    return { top: at(height * 0.1), bottom: at(height * 0.9), portrait: height > width };
  });
}

import type { Page } from 'playwright-core';
import { expect } from 'vitest';
import {
  chooseFiles,
  chooseTransport,
  connection,
  logIn,
  openPicture,
  type Person,
  signUp,
  tiles,
  upload,
  thumbnails,
} from './app';
import { FIXTURES, noisePng, temporaryFile } from './images';

/** Called for each state of each page. */
type Inspect = (state: string) => Promise<void>;

const INDEX = /\/(rest|grpc|events)\/pictures\/index(\?.*)?$/;
/** Bytes of pictures, from the mock or from S3. */
const BYTES = /\/(mock-pictures\/|derived\/|originals\/)/;
const PICTURE = /\/(rest|grpc|events)\/pictures\/[0-9a-f-]{36}(\?.*)?$/;
const ANALYTICS = /\/(rest|grpc|events)\/analytics/;

/** The gateway's response for a transport that it can't reach. */
const DOWN = {
  status: 503,
  contentType: 'application/json',
  headers: {
    'x-request-id': '0198c2f0-0000-7000-8000-000000000000',
    traceparent: '00-0198c2f000007000800000000000000a-0198c2f000007000-00',
  },
  body: JSON.stringify({
    error: { code: 'UNAVAILABLE', message: 'Kafka cannot be reached', request_id: '' },
  }),
};

/** Visits every page in every state and calls `inspect` for each. */
export async function walk(page: Page, person: Person, inspect: Inspect): Promise<void> {
  await outside(page, person, inspect);
  await emptyGrid(page, person, inspect);
  await uploads(page, inspect);
  await fullGrid(page, inspect);
  await onePicture(page, inspect);
  await shell(page, inspect);
  await analytics(page, inspect);
  await expired(page, person, inspect);
}

async function outside(page: Page, person: Person, inspect: Inspect) {
  await page.goto('/login');
  await page.getByRole('heading', { name: 'Log in' }).waitFor();
  await inspect('login');
  await page.getByRole('button', { name: 'Log in' }).click();
  await page.getByText('Enter a username.').waitFor();
  await inspect('login with errors');
  await logIn(page, person);
  await page.getByText('Wrong username or password.').waitFor();
  await inspect('login refused');
  await page.goto('/signup');
  await page.getByRole('heading', { name: 'Sign up' }).waitFor();
  await inspect('signup');
  await page.goto('/no/such/page');
  await page.getByText('Page not found').waitFor();
  await inspect('not found');
}

async function emptyGrid(page: Page, person: Person, inspect: Inspect) {
  await page.route(INDEX, () => undefined); // never responds
  await signUp(page, person);
  await page.getByRole('status', { name: 'Loading your pictures' }).waitFor();
  await inspect('pictures loading');
  await page.unroute(INDEX);
  await page.route(INDEX, (route) => route.fulfill(DOWN));
  await page.reload();
  await page.getByText('Couldn’t load your pictures').waitFor();
  await inspect('pictures failed');
  await page.unroute(INDEX);
  await page.getByRole('button', { name: 'Try again' }).click();
  await page.getByText('No pictures yet').waitFor();
  await inspect('no pictures');
}

/** The operation that begins an upload. */
const UPLOADS = /\/rest\/uploads$/;

async function uploads(page: Page, inspect: Inspect) {
  // The service refuses one upload and never answers the other.
  let refusing = true;
  await page.route(UPLOADS, (route) => {
    if (!refusing) return undefined;
    refusing = false;
    const error = { code: 'INVALID_ARGUMENT', message: 'the title is not valid', request_id: 'r' };
    return route.fulfill({ status: 400, json: { error } });
  });
  const list = await chooseFiles(page, [
    FIXTURES[1]?.path ?? '',
    temporaryFile('noise.png', noisePng(60, 60)),
    temporaryFile('words.png', Buffer.from('words')),
  ]);
  await list.getByText(/This is not a picture/).waitFor();
  await list.getByText(/The title is not valid/).waitFor();
  await list.getByRole('progressbar', { name: /^Uploading/ }).waitFor();
  await inspect('uploads: one failed, one running, one refused');
  await list.getByRole('button', { name: 'Show less' }).click();
  await inspect('uploads, collapsed');
  await list.getByRole('button', { name: 'Show all uploads' }).click();
  await list.getByRole('button', { name: /^Cancel / }).click();
  for (let left = 3; left > 0; left--) {
    await list
      .getByRole('button', { name: /^Remove / })
      .first()
      .click();
  }
  await list.waitFor({ state: 'detached' });
  await page.unroute(UPLOADS);
}

async function fullGrid(page: Page, inspect: Inspect) {
  await upload(
    page,
    FIXTURES.map(({ path }) => path),
  );
  await thumbnails(page).nth(4).waitFor();
  await inspect('pictures');
  await page.evaluate(() => {
    const dataTransfer = new DataTransfer();
    dataTransfer.items.add(new File(['x'], 'x.png'));
    document.body.dispatchEvent(new DragEvent('dragenter', { bubbles: true, dataTransfer }));
  });
  await page.getByText('Drop pictures to upload them').waitFor();
  await inspect('dragging files');
  await page.evaluate(() =>
    document.body.dispatchEvent(new DragEvent('dragleave', { bubbles: true })),
  );
  // Thumbnails are cached, so they are only downloaded without that cache.
  await forgetThumbnails(page);
  await page.route(BYTES, (route) => route.fulfill({ status: 500 }));
  await page.reload();
  await page.getByRole('button', { name: 'Try again' }).first().waitFor();
  await inspect('thumbnails failed');
  await page.unroute(BYTES);
  await page.reload();
  await thumbnails(page).nth(4).waitFor();
  await page
    .getByRole('button', { name: /^Select / })
    .first()
    .click({ force: true });
  await page.getByText('1 selected').waitFor();
  await inspect('one picture selected');
  await page.getByRole('button', { name: 'Clear the selection' }).click();
  await page.getByRole('searchbox').fill('nothing like this');
  await page.getByText('Nothing found').waitFor();
  await inspect('nothing found');
  await page.getByRole('searchbox').fill('');
  await page.keyboard.press('Tab');
  await page.keyboard.press('?');
  await page.getByRole('dialog', { name: 'Keyboard shortcuts' }).waitFor();
  await inspect('keyboard shortcuts');
  await page.keyboard.press('Escape');
  await page.getByRole('dialog').waitFor({ state: 'detached' });
}

/** Empties the caches of thumbnails, which outlive a reload. */
async function forgetThumbnails(page: Page): Promise<void> {
  await page.evaluate(async () => {
    for (const name of await caches.keys()) await caches.delete(name);
  });
}

async function onePicture(page: Page, inspect: Inspect) {
  const view = await openPicture(page, 'rose haze');
  await inspect('one picture');
  await view.getByRole('button', { name: 'Information' }).click();
  await view.getByRole('complementary').waitFor();
  await inspect('information');
  await view.getByRole('button', { name: 'Rename' }).click();
  await view.getByRole('textbox', { name: 'Title' }).waitFor();
  await inspect('renaming');
  await page.keyboard.press('Escape');
  await view.getByRole('button', { name: 'Zoom in' }).click();
  await inspect('zoomed');
  await view.getByRole('button', { name: 'Delete' }).click();
  await page.getByText('was deleted.').waitFor();
  await inspect('deleted, with undo');
  await page.getByRole('button', { name: 'Undo' }).click();
  await page.getByText('was deleted.').waitFor({ state: 'detached' });

  await page.route(PICTURE, () => undefined); // never responds
  await page.reload();
  await page.getByRole('progressbar', { name: 'Loading the picture' }).waitFor();
  await inspect('one picture loading');
  await page.unroute(PICTURE);
  await page.route(PICTURE, (route) => route.fulfill(DOWN));
  await page.reload();
  await page.getByText('Couldn’t load the picture').waitFor();
  await inspect('one picture failed');
  await page.unroute(PICTURE);
  await page.goto('/pictures/not-an-id');
  await page.getByText('Picture not found').waitFor();
  await inspect('picture not found');
  await page.getByRole('button', { name: 'Close' }).click();
  await page.getByRole('dialog').waitFor({ state: 'detached' });
}

async function shell(page: Page, inspect: Inspect) {
  // Waits for pending responses, so that none arrives after those below.
  await thumbnails(page).nth(4).waitFor();
  // Makes a call over each transport for the comparison.
  for (const transport of ['gRPC', 'Events', 'REST']) {
    await chooseTransport(page, transport);
    await connection(page, `${transport}, last call \\d`).waitFor();
  }
  await connection(page).click();
  await page.getByRole('dialog', { name: 'Connection' }).waitFor();
  await inspect('connection');
  await page.keyboard.press('Escape');
  await page.getByRole('dialog').waitFor({ state: 'detached' });
  await page.getByRole('button', { name: 'Account and settings' }).click();
  await page.getByRole('dialog').waitFor();
  await inspect('account');
  await page.getByRole('link', { name: 'Account', exact: true }).click();
  await page.getByRole('heading', { name: 'Account', exact: true }).waitFor();
  await inspect('account page');
  await page.getByRole('button', { name: 'Delete account' }).click();
  await page.getByRole('alertdialog').waitFor();
  await inspect('deleting the account');
  await page.getByRole('button', { name: 'Keep it' }).click();
  await page.getByRole('alertdialog').waitFor({ state: 'detached' });
}

async function analytics(page: Page, inspect: Inspect) {
  await page.goto('/analytics');
  // Logs arrive asynchronously, so a new stack may not have any yet.
  await expect
    .poll(
      async () => {
        await page.getByRole('button', { name: 'Refresh' }).click();
        return page.getByRole('figure').count();
      },
      { interval: 1_000 },
    )
    .toBeGreaterThan(0);
  for (const figure of await page.getByRole('figure').all()) {
    await figure.scrollIntoViewIfNeeded();
    await figure.locator('canvas').first().waitFor();
  }
  await page.getByRole('region', { name: 'Calls' }).waitFor();
  await page.evaluate(() => scrollTo(0, 0));
  await inspect('analytics');
  await page.goto('/analytics?operation=no%2FCalls');
  await page.getByText('No calls found').waitFor();
  await inspect('analytics without calls');
  await page.route(ANALYTICS, () => undefined); // never responds
  await page.goto('/analytics');
  await page.getByRole('status', { name: 'Loading the totals' }).waitFor();
  await inspect('analytics loading');
  await page.unroute(ANALYTICS);
  await page.route(ANALYTICS, (route) => route.fulfill(DOWN));
  await page.reload();
  await page.getByText('Couldn’t load the totals').waitFor();
  await inspect('analytics failed');
  await page.unroute(ANALYTICS);
}

async function expired(page: Page, person: Person, inspect: Inspect) {
  await page.route(INDEX, (route) =>
    route.fulfill({
      ...DOWN,
      status: 401,
      body: DOWN.body.replace('UNAVAILABLE', 'UNAUTHENTICATED'),
    }),
  );
  await page.goto('/pictures');
  await page.getByText(/session has expired/).waitFor();
  await inspect('login after expiry');
  await page.unroute(INDEX);
  await logIn(page, person);
  await tiles(page).first().waitFor();
}

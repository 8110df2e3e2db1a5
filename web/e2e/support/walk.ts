import type { Page } from 'playwright-core';
import { expect } from 'vitest';
import {
  chooseFiles,
  chooseTransport,
  logIn,
  openPicture,
  type Person,
  signUp,
  tiles,
  upload,
} from './app';
import { FIXTURES, noisePng, temporaryFile } from './images';

type Seen = (where: string) => Promise<void>;

const LIST = /\/(rest|grpc|events)\/pictures(\?.*)?$/;
const PICTURE = /\/(rest|grpc|events)\/pictures\/[0-9a-f-]+$/;
const ANALYTICS = /\/(rest|grpc|events)\/analytics/;

/** What the gateway answers for a transport that it can't reach. */
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

/** Leads through every page, in every state that a person may find it in; `seen` looks at each. */
export async function walk(page: Page, person: Person, seen: Seen): Promise<void> {
  await outside(page, person, seen);
  await emptyGrid(page, person, seen);
  await uploads(page, seen);
  await fullGrid(page, seen);
  await onePicture(page, seen);
  await shell(page, seen);
  await analytics(page, seen);
  await expired(page, person, seen);
}

async function outside(page: Page, person: Person, seen: Seen) {
  await page.goto('/login');
  await page.getByRole('heading', { name: 'Log in' }).waitFor();
  await seen('login');
  await page.getByRole('button', { name: 'Log in' }).click();
  await page.getByText('Enter a username.').waitFor();
  await seen('login with problems');
  await logIn(page, person);
  await page.getByText('Wrong username or password.').waitFor();
  await seen('login refused');
  await page.goto('/signup');
  await page.getByRole('heading', { name: 'Sign up' }).waitFor();
  await seen('signup');
  await page.goto('/no/such/page');
  await page.getByText('There is no such page').waitFor();
  await seen('not found');
}

async function emptyGrid(page: Page, person: Person, seen: Seen) {
  await page.route(LIST, () => undefined); // it never answers
  await signUp(page, person);
  await page.getByRole('status', { name: 'Loading your pictures' }).waitFor();
  await seen('pictures loading');
  await page.unroute(LIST);
  await page.route(LIST, (route) => route.fulfill(DOWN));
  await page.reload();
  await page.getByText('Your pictures can’t be shown').waitFor();
  await seen('pictures that fail');
  await page.unroute(LIST);
  await page.getByRole('button', { name: 'Try again' }).click();
  await page.getByText('No pictures yet').waitFor();
  await seen('no pictures');
}

async function uploads(page: Page, seen: Seen) {
  await page.getByRole('button', { name: 'Upload', exact: true }).click();
  const dialog = page.getByRole('dialog', { name: 'Upload pictures' });
  await dialog.waitFor();
  await seen('upload');
  await dialog
    .getByTestId('file-input')
    .setInputFiles([
      FIXTURES[0]?.path ?? '',
      FIXTURES[3]?.path ?? '',
      temporaryFile('words.png', Buffer.from('words')),
    ]);
  await dialog.getByText(/This is not a picture/).waitFor();
  await seen('upload, one refused');
  await dialog.getByRole('button', { name: 'Cancel' }).click();
  await dialog.waitFor({ state: 'detached' });

  let failing = true;
  await page.route(LIST, (route) => {
    if (route.request().method() !== 'POST') return route.fallback();
    // The first fails, the second never ends.
    if (!failing) return undefined;
    failing = false;
    return route.fulfill(DOWN);
  });
  await chooseFiles(page, [FIXTURES[1]?.path ?? '', temporaryFile('noise.png', noisePng(60, 60))]);
  await dialog.getByRole('button', { name: 'Upload 2 pictures' }).click();
  await dialog.getByText(/isn’t answering/).waitFor();
  await dialog.getByRole('progressbar').waitFor();
  await seen('upload, one failed and one under way');
  await dialog.getByRole('button', { name: 'Close' }).click();
  await page.getByRole('button', { name: 'Uploading 1 picture' }).waitFor();
  await seen('upload in the background');
  await page.getByRole('button', { name: 'Uploading 1 picture' }).click();
  await dialog.getByRole('button', { name: /^Cancel / }).click();
  // Either may be the one that failed: it would wait for another try.
  for (let left = 2; left > 0; left--) {
    await dialog
      .getByRole('button', { name: /^Remove / })
      .first()
      .click();
  }
  await dialog.getByRole('button', { name: 'Close' }).click();
  await dialog.waitFor({ state: 'detached' });
  await page.unroute(LIST);
}

async function fullGrid(page: Page, seen: Seen) {
  await upload(
    page,
    FIXTURES.map(({ path }) => path),
  );
  await tiles(page).locator('img').nth(4).waitFor();
  await seen('pictures');
  await page.evaluate(() => {
    const dataTransfer = new DataTransfer();
    dataTransfer.items.add(new File(['x'], 'x.png'));
    document.body.dispatchEvent(new DragEvent('dragenter', { bubbles: true, dataTransfer }));
  });
  await page.getByText('Drop pictures to upload them').waitFor();
  await seen('dragging files');
  await page.evaluate(() =>
    document.body.dispatchEvent(new DragEvent('dragleave', { bubbles: true })),
  );
  await page.route(PICTURE, (route) => route.fulfill(DOWN));
  await page.reload();
  await tiles(page).getByRole('button', { name: 'Try again' }).first().waitFor();
  await seen('pictures without their images');
  await page.unroute(PICTURE);
  await page.reload();
  await tiles(page).locator('img').nth(4).waitFor();
}

async function onePicture(page: Page, seen: Seen) {
  const view = await openPicture(page, 'rose haze');
  await seen('one picture');
  await view.getByRole('button', { name: 'Delete' }).click();
  await page.getByRole('alertdialog').waitFor();
  await seen('deleting');
  await page.getByRole('button', { name: 'Keep it' }).click();
  await page.getByRole('alertdialog').waitFor({ state: 'detached' });

  await page.route(PICTURE, () => undefined); // it never answers
  await page.reload();
  await page.getByRole('progressbar', { name: 'Loading the picture' }).waitFor();
  await seen('one picture loading');
  await page.unroute(PICTURE);
  await page.route(PICTURE, (route) => route.fulfill(DOWN));
  await page.reload();
  await page.getByText('The picture can’t be shown').waitFor();
  await seen('one picture that fails');
  await page.unroute(PICTURE);
  await page.goto('/pictures/not-an-id');
  await page.getByText('This picture isn’t here').waitFor();
  await seen('a picture that is not there');
  await page.getByRole('button', { name: 'Close' }).click();
  await page.getByRole('dialog').waitFor({ state: 'detached' });
}

async function shell(page: Page, seen: Seen) {
  // The last answers of before are there: none comes after those that are waited for here.
  await tiles(page).locator('img').nth(4).waitFor();
  // A call over each transport, to compare.
  for (const transport of ['gRPC', 'Events', 'REST']) {
    await chooseTransport(page, transport);
    await page.getByRole('button', { name: new RegExp(`^Last call: ${transport}`) }).waitFor();
  }
  await page.getByTestId('last-call').click();
  await page.getByRole('dialog', { name: 'Recent calls' }).waitFor();
  await seen('recent calls');
  await page.keyboard.press('Escape');
  await page.getByRole('dialog').waitFor({ state: 'detached' });
  await page.getByRole('button', { name: 'Account and settings' }).click();
  await page.getByRole('dialog').waitFor();
  await seen('account');
  await page.getByRole('button', { name: 'Delete account' }).click();
  await page.getByRole('alertdialog').waitFor();
  await seen('deleting the account');
  await page.getByRole('button', { name: 'Keep it' }).click();
  await page.getByRole('alertdialog').waitFor({ state: 'detached' });
}

async function analytics(page: Page, seen: Seen) {
  await page.goto('/analytics');
  // The logs travel on their own: on a new stack the first may still be under way.
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
  await seen('analytics');
  await page.goto('/analytics?operation=no%2FCalls');
  await page.getByText('No calls here').waitFor();
  await seen('analytics without calls');
  await page.route(ANALYTICS, () => undefined); // it never answers
  await page.goto('/analytics');
  await page.getByRole('status', { name: 'Loading the totals' }).waitFor();
  await seen('analytics loading');
  await page.unroute(ANALYTICS);
  await page.route(ANALYTICS, (route) => route.fulfill(DOWN));
  await page.reload();
  await page.getByText('The totals can’t be shown').waitFor();
  await seen('analytics that fail');
  await page.unroute(ANALYTICS);
}

async function expired(page: Page, person: Person, seen: Seen) {
  await page.route(LIST, (route) =>
    route.fulfill({
      ...DOWN,
      status: 401,
      body: DOWN.body.replace('UNAVAILABLE', 'UNAUTHENTICATED'),
    }),
  );
  await page.goto('/pictures');
  await page.getByText(/session has expired/).waitFor();
  await seen('login after an expiry');
  await page.unroute(LIST);
  await logIn(page, person);
  await tiles(page).first().waitFor();
}

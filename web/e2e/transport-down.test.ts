import { expect, it } from 'vitest';
import { chooseTransport, connection, signUp, tiles, upload } from './support/app';
import { newPage, newPerson, useBrowser } from './support/browser';
import { FIXTURES } from './support/images';
import { control } from './support/stack';

useBrowser();

it('reports a transport that is down, works over another, and recovers', async () => {
  const page = await newPage();
  await signUp(page, newPerson());
  await upload(page, [FIXTURES[0]?.path ?? '']);
  await control('stop', 'kafka');
  try {
    await chooseTransport(page, 'Events');
    const alert = page.getByRole('alert');
    await alert.getByText('Events isn’t responding right now.').waitFor();
    await alert.getByText('The other transports reach the same service.').waitFor();
    // The pictures loaded before stay visible.
    await expect.poll(() => tiles(page).count()).toBe(1);

    await alert.getByRole('button', { name: 'Switch to gRPC' }).click();
    await alert.waitFor({ state: 'detached' });
    await upload(page, [FIXTURES[1]?.path ?? '']);
    await chooseTransport(page, 'REST');
    await page.reload();
    await tiles(page).nth(1).waitFor();
  } finally {
    await control('start', 'kafka');
  }
  await chooseTransport(page, 'Events');
  await expect
    .poll(
      async () => {
        const retry = page.getByRole('button', { name: 'Try again' });
        // The button disappears as soon as the data has loaded.
        if (await retry.isVisible()) await retry.click({ timeout: 1_000 }).catch(() => undefined);
        const label = await connection(page).getAttribute('aria-label');
        return /Events, last call [\d.,]+ m?s$/.test(label ?? '');
      },
      { timeout: 60_000, interval: 1_000 },
    )
    .toBe(true);
}, 600_000);

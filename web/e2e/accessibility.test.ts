import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import type { AxeResults } from 'axe-core';
import type { Page } from 'playwright-core';
import { expect, it } from 'vitest';
import { DESKTOP, newPage, newPerson, PHONE, useBrowser } from './support/browser';
import { walk } from './support/walk';

useBrowser();

const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

/** `npm run screenshots` names a folder for pictures of all that is looked at here. */
const gallery = process.env['TRICHROME_GALLERY'];

async function violations(page: Page): Promise<string[]> {
  // Through the debugger, which the page's policy does not bind.
  await page.evaluate(axe);
  const results = await page.evaluate<AxeResults>('axe.run()');
  // It did look.
  expect(results.passes.length).toBeGreaterThan(10);
  return results.violations.flatMap(({ id, help, nodes }) =>
    nodes.map(
      ({ target, failureSummary }) =>
        `${id}: ${help} (${target.join(' ')}) ${failureSummary ?? ''}`,
    ),
  );
}

it.each([
  ['light', 'desktop', DESKTOP],
  ['dark', 'desktop', DESKTOP],
  ['light', 'phone', PHONE],
  ['dark', 'phone', PHONE],
] as const)(
  'has no violation that axe knows of, on any page, %s, on a %s',
  async (colorScheme, form, viewport) => {
    const page = await newPage({ colorScheme, viewport });
    const found: string[] = [];
    let shots = 0;
    await walk(page, newPerson(), async (where) => {
      found.push(...(await violations(page)).map((violation) => `${where}: ${violation}`));
      if (gallery === undefined) return;
      shots += 1;
      const name = `${form} ${colorScheme} ${String(shots).padStart(2, '0')} ${where}.png`;
      // A taller view is another view to what loads as it nears: only where there is more to see.
      await page.screenshot({ path: join(gallery, name), fullPage: where === 'analytics' });
    });
    expect(found).toEqual([]);
  },
  300_000,
);

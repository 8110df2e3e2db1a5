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

/** The folder for screenshots, set by `npm run screenshots`. */
const gallery = process.env.TRICHROME_GALLERY;

async function violations(page: Page): Promise<string[]> {
  // Injected through the debugger, which bypasses the page's Content-Security-Policy.
  await page.evaluate(axe);
  const results = await page.evaluate<AxeResults>('axe.run()');
  // Guards against axe having checked an empty page.
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
  'has no axe violations on any page, %s, on a %s',
  async (colorScheme, form, viewport) => {
    const page = await newPage({ colorScheme, viewport });
    const found: string[] = [];
    let shots = 0;
    await walk(page, newPerson(), async (state) => {
      found.push(...(await violations(page)).map((violation) => `${state}: ${violation}`));
      const { scrollWidth, clientWidth } = await page.evaluate(() => {
        const { scrollWidth, clientWidth } = document.documentElement;
        return { scrollWidth, clientWidth };
      });
      if (scrollWidth > clientWidth) found.push(`${state}: wider than the screen`);
      if (gallery === undefined) return;
      shots += 1;
      const name = `${form} ${colorScheme} ${String(shots).padStart(2, '0')} ${state}.png`;
      // A full-page screenshot resizes the viewport, which would load more pictures in the grid.
      await page.screenshot({ path: join(gallery, name), fullPage: state === 'analytics' });
    });
    expect(found).toEqual([]);
  },
  300_000,
);

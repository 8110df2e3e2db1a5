import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { newPage, useBrowser } from './support/browser';
import { readStack } from './support/stack';

useBrowser();

const policy = readFileSync(new URL('../content-security-policy.txt', import.meta.url), 'utf8')
  .trim()
  .replaceAll('${PICTURES_ORIGIN}', readStack().aws_endpoint);
const get = (path: string) =>
  fetch(readStack().gateway_url + path, { headers: { accept: 'text/html,*/*' } });

it.each([
  '/',
  '/login',
  '/pictures',
  '/pictures/0198c2f0-0000-7000-8000-000000000000',
  '/analytics',
])('serves the app at %s with its policy and without caching', async (path) => {
  const page = await get(path);
  expect(page.status).toBe(200);
  expect(page.headers.get('content-type')).toMatch(/^text\/html/);
  expect(page.headers.get('cache-control')).toBe('no-cache');
  expect(page.headers.get('content-security-policy')).toBe(policy);
  expect(page.headers.get('x-content-type-options')).toBe('nosniff');
});

it('caches hashed files permanently, compresses them, and caches no others', async () => {
  const html = await (await get('/')).text();
  const scripts = [...html.matchAll(/(?:src|href)="(\/assets\/[^"]+)"/g)].map(
    ([, path]) => path ?? '',
  );
  expect(scripts.length).toBeGreaterThan(1);
  for (const path of scripts) {
    const file = await get(path);
    expect(file.headers.get('cache-control')).toBe('public, max-age=31536000, immutable');
    expect(file.headers.get('content-encoding')).toMatch(/^(br|gzip)$/);
  }
  expect((await get('/scheme.js')).headers.get('cache-control')).toBe('no-cache');
  expect((await get('/assets/gone-12345678.js')).status).toBe(404);
});

it('allows only scripts and styles of its own origin', () => {
  expect(policy).not.toMatch(/unsafe|\*/);
  // Pictures come from the storage; code doesn't.
  const code = policy.split('; ').filter((directive) => /^(script|style)-src /.test(directive));
  expect(code).toHaveLength(2);
  expect(code.join()).not.toMatch(/https?:/);
  expect(policy).toContain("script-src 'self'");
});

it('applies the chosen colour scheme before the first paint', async () => {
  const page = await newPage({ colorScheme: 'light' });
  await page.goto('/login');
  await page.evaluate(() => localStorage.setItem('trichrome.scheme', 'dark'));
  await page.route('**/assets/*.js', () => undefined); // the app never loads
  await page.reload({ waitUntil: 'commit' });
  await page.waitForFunction(() => document.documentElement.dataset.scheme === 'dark');
});

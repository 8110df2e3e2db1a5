import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';

const pathOf = (name: string) => fileURLToPath(new URL(`../nginx/${name}`, import.meta.url));

const cases = readFileSync(pathOf('pictures-origins.txt'), 'utf8')
  .split('\n')
  .filter((line) => line !== '' && !line.startsWith('#'))
  .map((line) => [line.slice(0, line.indexOf(' ')), line.slice(line.indexOf(' ') + 1)] as const);

const start = (origin: string) =>
  spawnSync('sh', [pathOf('check-origin.sh')], {
    env: { PICTURES_ORIGIN: origin },
    encoding: 'utf8',
  });

it.each(cases)('%ss %s as the origin of pictures, as the gateway does', (verdict, origin) => {
  const { status, stderr } = start(origin);
  expect(status).toBe(verdict === 'accept' ? 0 : 1);
  if (verdict === 'refuse') expect(stderr).toContain('PICTURES_ORIGIN must be one origin');
});

it('refuses to start without an origin', () => {
  expect(start('').status).toBe(1);
});

import { readFileSync } from 'node:fs';
import openapiTS, { astToString, COMMENT_HEADER } from 'openapi-typescript';
import { expect, it } from 'vitest';

// The types are committed, so that editors, type checks and the container build need only this
// folder. This test fails when they are out of date.
it('matches the output of `npm run generate` for the current contract', async () => {
  const contract = new URL('../../proto/openapi.json', import.meta.url);
  const generated = COMMENT_HEADER + astToString(await openapiTS(contract));
  const committed = readFileSync(new URL('../src/api/schema.d.ts', import.meta.url), 'utf8');
  expect(committed, 'run `npm run generate` in web/').toBe(generated);
});

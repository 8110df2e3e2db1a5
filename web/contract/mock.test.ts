import { readdirSync, readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { MockBackend } from '../mock/backend';

const read = (path: string) => readFileSync(new URL(`../${path}`, import.meta.url), 'utf8');

const { paths } = JSON.parse(read('../proto/openapi.json')) as {
  paths: Record<string, Record<string, { tags?: string[]; security?: unknown[] }>>;
};

/** The contract's operations, with an example id in place of each path parameter. */
const contract = Object.entries(paths).flatMap(([path, methods]) =>
  Object.entries(methods).map(([method, { tags, security }]) => ({
    method: method.toUpperCase(),
    path: path.replace(/\{\w+\}/g, 'id'),
    service: tags?.[0],
    isPublic: security?.length === 0,
  })),
);

const { routes } = new MockBackend();

/** The route that handles an operation: the first one that matches. */
const routeOf = ({ method, path }: { readonly method: string; readonly path: string }) =>
  routes.find((route) => route.method === method && route.path.test(path));

it.each(routes)('implements only operations of the contract: $operation', (route) => {
  const same = contract.filter((operation) => routeOf(operation) === route);
  expect(same).toMatchObject([
    { service: route.operation.split('/')[0], isPublic: route.isPublic === true },
  ]);
});

it('implements every operation that the app calls', () => {
  const called = readdirSync(new URL('../src', import.meta.url), { recursive: true })
    .map(String)
    .filter((name) => /\.tsx?$/.test(name) && !name.includes('.test.'))
    .flatMap((name) => [...read(`src/${name}`).matchAll(/\bapi\(\)\.([A-Z]+)\('([^']+)'/g)])
    .map(([, method = '', path = '']) => `${method} ${path.replace(/\{\w+\}/g, 'id')}`);
  expect(called.length).toBeGreaterThan(0);
  const missing = called.filter(
    (call) =>
      !routes.some(
        ({ method, path }) =>
          call === `${method} ${path.exec(call.slice(method.length + 1))?.[0] ?? ''}`,
      ),
  );
  expect(missing).toEqual([]);
});

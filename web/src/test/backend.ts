import { http, passthrough } from 'msw';
import { setupServer } from 'msw/node';
import { MockBackend } from '../../mock/backend';

/** The mock backend of the current test. */
export let backend = new MockBackend();

export function freshBackend(): void {
  backend = new MockBackend();
}

/** Routes every call of the app (fetch and XMLHttpRequest) to the mock backend. */
export const server = setupServer(
  http.all('*', async ({ request }) => (await backend.handle(request)) ?? passthrough()),
);

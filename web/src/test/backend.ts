import { http, passthrough } from 'msw';
import { setupServer } from 'msw/node';
import { MockBackend } from '../../mock/backend';

/** The backend of the test that is running. */
export let backend = new MockBackend();

export function freshBackend(): void {
  backend = new MockBackend();
}

/** Every call that the app makes, by fetch or by XMLHttpRequest, goes to the mock backend. */
export const server = setupServer(
  http.all('*', async ({ request }) => (await backend.handle(request)) ?? passthrough()),
);

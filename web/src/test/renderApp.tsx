import { render } from '@testing-library/react';
import userEvent, { type UserEvent } from '@testing-library/user-event';
import { MemoryRouter } from 'react-router';
import { startSession } from '../api/session';
import { App } from '../app/App';
import { createQueryClient } from '../app/queryClient';
import { backend } from './backend';

export const USER = { username: 'ada', password: 'correct horse' } as const;

/** Renders the whole app at an address, with the mock backend. */
export function renderApp(address: string): UserEvent {
  const queryClient = createQueryClient();
  queryClient.setDefaultOptions({
    queries: { ...queryClient.getDefaultOptions().queries, retry: false },
  });
  render(
    <MemoryRouter initialEntries={[address]}>
      <App queryClient={queryClient} />
    </MemoryRouter>,
  );
  // Tests may choose any file, because dropped files bypass the chooser's filter too.
  return userEvent.setup({ applyAccept: false });
}

/** Like `renderApp`, with a logged-in user. */
export function renderLoggedIn(address: string): UserEvent {
  startSession(backend.addUser(USER.username, USER.password), USER.username);
  return renderApp(address);
}

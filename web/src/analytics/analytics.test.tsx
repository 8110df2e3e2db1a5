import { screen, waitFor, within } from '@testing-library/react';
import { beforeEach, expect, it } from 'vitest';
import { backend } from '../test/backend';
import { renderLoggedIn, USER } from '../test/renderApp';

// Two thirds of the calls are over REST; every fifth is an error.
beforeEach(() => {
  backend.addUser(USER.username, USER.password);
  const user_id = backend.userIdOf(USER.username);
  backend.addLogs(
    Array.from({ length: 30 }, (_, i) => ({
      transport: i % 3 === 0 ? 'events' : 'rest',
      service: 'pictures',
      method: i % 2 === 0 ? 'GetUserPictures' : 'CreateUserPicture',
      status: i % 5 === 0 ? 503 : 200,
      duration_ms: 10 + i,
      user_id,
      trace_id: `trace-${i}-`.padEnd(32, '0'),
      at: new Date(Date.now() - (i + 1) * 60_000).toISOString(),
      id: crypto.randomUUID(),
      client: i === 1,
    })),
  );
});

const analyticsCalls = () => backend.requests.filter(({ url }) => url.startsWith('/analytics'));

async function choose(user: ReturnType<typeof renderLoggedIn>, filter: string, option: string) {
  const choice = screen.getByRole('combobox', { name: filter });
  await user.selectOptions(choice, await within(choice).findByRole('option', { name: option }));
}

it('shows totals, charts with their values as tables, and the calls', async () => {
  renderLoggedIn('/analytics');
  const errors = await screen.findByText('Errors', { selector: 'dt' });
  expect(errors.parentElement).toHaveTextContent('20%');
  for (const title of [
    'Calls over time',
    'Latency over time',
    'By operation',
    'By transport',
    'Latency by operation',
    'Latency by transport',
  ]) {
    expect(await screen.findByRole('table', { name: title })).toBeInTheDocument();
  }
  const byTransport = screen.getByRole('table', { name: 'By transport' });
  expect(within(byTransport).getByRole('row', { name: /^Events 10 / })).toBeInTheDocument();
});

it('sends the filters to the service', async () => {
  const user = renderLoggedIn('/analytics');
  await screen.findByText('Errors', { selector: 'dt' });
  await choose(user, 'Transport', 'Events');
  await choose(user, 'Outcome', 'Errors only');
  await choose(user, 'Time', 'Last hour');
  await choose(user, 'Operation', 'pictures/GetUserPictures');
  await waitFor(() => {
    const { url } = analyticsCalls().at(-1) ?? { url: '' };
    const query = new URLSearchParams(url.split('?')[1]);
    expect(Object.fromEntries(query)).toMatchObject({
      transport: 'events',
      service: 'pictures',
      method: 'GetUserPictures',
      errors_only: 'true',
    });
    expect(Date.now() - Date.parse(query.get('since') ?? '')).toBeLessThan(3_700_000);
  });
});

it('pages through the calls', async () => {
  const user = renderLoggedIn('/analytics?transport=rest&outcome=');
  const calls = await screen.findByRole('region', { name: 'Your calls' });
  expect(await within(calls).findByText('trace-1-00000000')).toBeInTheDocument();
  expect(within(calls).getAllByText('logged by a client')).toHaveLength(1);
  expect(screen.getByRole('button', { name: 'Newer' })).toBeDisabled();
  expect(screen.getByRole('button', { name: 'Older' })).toBeDisabled();

  await choose(user, 'Transport', 'All');
  await waitFor(() => expect(screen.getByRole('button', { name: 'Older' })).toBeEnabled());
  await user.click(screen.getByRole('button', { name: 'Older' }));
  await waitFor(() => expect(screen.getByRole('button', { name: 'Newer' })).toBeEnabled());
  expect(await screen.findByText('trace-29-0000000')).toBeInTheDocument();
});

it('lists one’s own calls below everybody’s totals', async () => {
  backend.addLogs([
    {
      transport: 'rest',
      service: 'pictures',
      method: 'GetUserPicture',
      status: 200,
      duration_ms: 5,
      user_id: '',
      trace_id: '',
      at: new Date().toISOString(),
      id: crypto.randomUUID(),
      client: false,
    },
  ]);
  renderLoggedIn('/analytics');
  const calls = await screen.findByRole('region', { name: 'Your calls' });
  expect(within(calls).queryByText('pictures/GetUserPicture')).toBeNull();
  expect(screen.getByRole('heading', { name: 'Everyone’s calls' })).toBeVisible();
  const byOperation = await screen.findByRole('table', { name: 'By operation' });
  expect(
    within(byOperation).getByRole('row', { name: /^pictures\/GetUserPicture / }),
  ).toBeVisible();
});

it('shows an empty state without calls', async () => {
  renderLoggedIn('/analytics?transport=grpc');
  expect(await screen.findByText('No calls found')).toBeVisible();
});

it('reports a failure and retries', async () => {
  backend.down.add('rest');
  const user = renderLoggedIn('/analytics');
  await screen.findByText('Couldn’t load the totals');
  const alert = screen.getByRole('alert');
  expect(alert).toHaveTextContent('REST isn’t responding right now.');
  backend.down.clear();
  await user.click(within(alert).getByRole('button', { name: 'Try again' }));
  expect(await screen.findByText('Errors', { selector: 'dt' })).toBeVisible();
});

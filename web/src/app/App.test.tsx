import { onlineManager } from '@tanstack/react-query';
import { screen, waitFor, within } from '@testing-library/react';
import { expect, it } from 'vitest';
import { callsStore } from '../api/calls';
import { backend } from '../test/backend';
import { base64Of } from '../test/images';
import { renderApp, renderLoggedIn, USER } from '../test/renderApp';
import { stored } from '../test/storage';

it('signs up and shows the empty page', async () => {
  const user = renderApp('/');
  await user.click(await screen.findByRole('link', { name: 'Sign up' }));
  await user.type(screen.getByLabelText('Username'), USER.username);
  await user.type(screen.getByLabelText('Password'), USER.password);
  await user.click(screen.getByRole('button', { name: 'Sign up' }));
  expect(await screen.findByText('No pictures yet')).toBeVisible();
});

it('validates credentials before sending them', async () => {
  const user = renderApp('/signup');
  await user.click(screen.getByRole('button', { name: 'Sign up' }));
  expect(screen.getByLabelText('Username')).toHaveAccessibleDescription('Enter a username.');
  expect(screen.getByLabelText('Username')).toHaveFocus();
  await user.type(screen.getByLabelText('Username'), USER.username);
  await user.type(screen.getByLabelText('Password'), 'short');
  await user.click(screen.getByRole('button', { name: 'Sign up' }));
  expect(screen.getByLabelText('Password')).toHaveAccessibleDescription(
    'Too short: at least 8 characters.',
  );
  expect(backend.requests).toHaveLength(0);
});

it('reports a taken username and a wrong password', async () => {
  backend.addUser(USER.username, USER.password);
  const user = renderApp('/signup');
  await user.type(screen.getByLabelText('Username'), USER.username);
  await user.type(screen.getByLabelText('Password'), 'another password');
  await user.click(screen.getByRole('button', { name: 'Sign up' }));
  expect(await screen.findByText(/username is taken/)).toBeVisible();

  await user.click(screen.getByRole('link', { name: 'Log in' }));
  await user.type(screen.getByLabelText('Username'), USER.username);
  await user.type(screen.getByLabelText('Password'), 'another password');
  await user.click(screen.getByRole('button', { name: 'Log in' }));
  expect(await screen.findByText('Wrong username or password.')).toBeVisible();
});

it('sends an expired session to the login and returns to the same page', async () => {
  const user = renderLoggedIn('/analytics?range=all');
  expect(await screen.findByRole('heading', { name: 'Analytics' })).toBeVisible();
  const refresh = await screen.findByRole('button', { name: 'Refresh' });
  await waitFor(() => expect(refresh).toBeEnabled());
  backend.expireSessions();
  await user.click(refresh);

  expect(await screen.findByText(/session has expired/)).toBeVisible();
  await user.type(screen.getByLabelText('Username'), USER.username);
  await user.type(screen.getByLabelText('Password'), USER.password);
  await user.click(screen.getByRole('button', { name: 'Log in' }));

  expect(await screen.findByRole('heading', { name: 'Analytics' })).toBeVisible();
  expect(screen.getByRole('combobox', { name: 'Time' })).toHaveDisplayValue('All time');
});

it('clears all data on logout', async () => {
  const user = renderLoggedIn('/pictures');
  await screen.findByText('No pictures yet');
  await user.click(screen.getByRole('button', { name: 'Account and settings' }));
  await user.click(await screen.findByRole('button', { name: 'Log out' }));
  expect(await screen.findByRole('heading', { name: 'Log in' })).toBeVisible();
  expect(stored()).not.toContain('mock.');
  expect(callsStore.get()).toEqual([]);
});

it('calls the service even when the browser reports being offline', async () => {
  onlineManager.setOnline(false);
  renderLoggedIn('/pictures');
  expect(await screen.findByText('No pictures yet')).toBeVisible();
  onlineManager.setOnline(true);
});

it('uses the chosen transport for later calls and shows their duration', async () => {
  const user = renderLoggedIn('/pictures');
  await screen.findByText('No pictures yet');
  const connection = screen.getByTestId('connection');
  await user.click(connection);
  const drawer = await screen.findByRole('dialog', { name: 'Connection' });
  for (const [transport, label] of [
    ['grpc', 'gRPC'],
    ['events', 'Events'],
  ] as const) {
    await user.click(within(drawer).getByRole('button', { name: label }));
    await waitFor(() => expect(callsStore.get()[0]?.transport).toBe(transport));
    await waitFor(() =>
      expect(connection).toHaveAccessibleName(
        new RegExp(`^Connection: ${label}, last call .* ms$`),
      ),
    );
  }
  expect(localStorage.getItem('trichrome.transport')).toBe('events');
});

it('offers the other transports when one is down', async () => {
  backend.down.add('rest');
  const user = renderLoggedIn('/pictures');
  const alert = await screen.findByRole('alert');
  expect(within(alert).getByText('REST isn’t responding right now.')).toBeVisible();
  expect(screen.getByTestId('connection')).toHaveAccessibleName(
    'Connection: REST, last call failed: 503',
  );
  await user.click(within(alert).getByRole('button', { name: 'Switch to gRPC' }));
  expect(await screen.findByText('No pictures yet')).toBeVisible();
  expect(screen.queryByRole('alert')).not.toBeInTheDocument();
});

it('opens a picture by its URL, deletes it with an offer to undo, then for good', async () => {
  backend.addUser(USER.username, USER.password);
  const picture = backend.addPicture(USER.username, 'Harbour', base64Of('webp'));
  const user = renderLoggedIn(`/pictures/${picture.id}`);

  const view = await screen.findByRole('dialog', { name: 'Harbour' });
  // The preview takes the place of the thumbnail.
  await waitFor(() => expect(within(view).getByRole('img', { name: 'Harbour' })).toBeVisible());
  expect(document.title).toBe('Harbour · Trichrome');
  await user.click(within(view).getByRole('button', { name: 'Information' }));
  expect(within(view).getByText(/WebP/)).toBeVisible();

  await user.click(within(view).getByRole('button', { name: 'Delete' }));
  await user.click(await screen.findByRole('button', { name: 'Undo' }));
  expect(await screen.findByRole('link', { name: /^Harbour/ })).toBeVisible();
  expect(backend.storedPictures).toHaveLength(1);

  await user.click(screen.getByRole('button', { name: 'Select Harbour' }));
  await user.click(screen.getByRole('button', { name: 'Delete' }));
  expect(screen.queryByRole('link', { name: /^Harbour/ })).not.toBeInTheDocument();
  expect(backend.storedPictures).toHaveLength(1);
  await user.click(await screen.findByRole('button', { name: 'Dismiss' }));
  await waitFor(() => expect(backend.storedPictures).toHaveLength(0));
  expect(await screen.findByText('No pictures yet')).toBeVisible();
});

it('renames a picture in place', async () => {
  backend.addUser(USER.username, USER.password);
  const picture = backend.addPicture(USER.username, 'Harbour', base64Of('webp'));
  const user = renderLoggedIn(`/pictures/${picture.id}`);
  await user.click(await screen.findByRole('button', { name: 'Rename' }));
  await user.clear(screen.getByRole('textbox', { name: 'Title' }));
  await user.keyboard('Old harbour{Enter}');
  expect(await screen.findByRole('dialog', { name: 'Old harbour' })).toBeVisible();
  await waitFor(() => expect(backend.storedPictures[0]?.title).toBe('Old harbour'));
});

it('reports a missing picture', async () => {
  renderLoggedIn('/pictures/0198c2f0-0000-7000-8000-000000000000');
  expect(await screen.findByText('Picture not found')).toBeVisible();
});

it('reports a missing page', async () => {
  renderApp('/nowhere');
  expect(await screen.findByText('Page not found')).toBeVisible();
});

it('loads only the months that are on screen, and finds pictures of all months by title', async () => {
  backend.addUser(USER.username, USER.password);
  for (let age = 40; age >= 0; age--) {
    const at = new Date(Date.UTC(2026, 6 - age, 10));
    backend.addPicture(USER.username, `Picture ${age}`, base64Of('png'), at);
  }
  const user = renderLoggedIn('/pictures');
  expect(await screen.findByRole('link', { name: /^Picture 0,/ })).toBeVisible();
  expect(screen.getByTestId('count')).toHaveTextContent('41');
  const months = () => backend.requests.filter(({ url }) => url.includes('month=')).length;
  expect(months()).toBeLessThan(20);

  await user.type(screen.getByRole('searchbox', { name: 'Search titles' }), 'PICTURE 37');
  expect(await screen.findByRole('link', { name: /^Picture 37,/ })).toBeVisible();
  expect(screen.getByTestId('count')).toHaveTextContent('1 found');
  expect(screen.queryByRole('link', { name: /^Picture 0,/ })).not.toBeInTheDocument();
});

it('files pictures by capture or upload time', async () => {
  backend.addUser(USER.username, USER.password);
  const created = new Date('2026-07-02T00:00:00Z');
  backend.addPicture(USER.username, 'Old', base64Of('png'), created, {
    taken_at: '1999-12-31T23:59:00-05:00',
  });
  const user = renderLoggedIn('/pictures');
  expect(await screen.findByRole('heading', { name: 'Fri, December 31, 1999' })).toBeVisible();
  await user.selectOptions(screen.getByRole('combobox', { name: 'Order' }), 'Date uploaded');
  expect(await screen.findByRole('heading', { name: /July 2/ })).toBeVisible();
});

it('deletes the account only after its name is typed', async () => {
  const user = renderLoggedIn('/account');
  await user.click(await screen.findByRole('button', { name: 'Delete account' }));
  const dialog = await screen.findByRole('alertdialog');
  const confirm = within(dialog).getByRole('button', { name: 'Delete for good' });
  expect(confirm).toBeDisabled();
  await user.type(within(dialog).getByLabelText('Your username'), USER.username);
  await user.click(confirm);
  expect(await screen.findByRole('heading', { name: 'Log in' })).toBeVisible();
  expect(() => backend.addPicture(USER.username, 'x', base64Of('png'))).toThrow('no user');
});

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

it('opens a picture by its URL, shows its details, and deletes it after confirmation', async () => {
  backend.addUser(USER.username, USER.password);
  const picture = backend.addPicture(USER.username, 'Harbour', base64Of('webp'));
  const user = renderLoggedIn(`/pictures/${picture.id}`);

  const view = await screen.findByRole('dialog', { name: 'Harbour' });
  expect(await within(view).findByRole('img', { name: 'Harbour' })).toBeVisible();
  expect(within(view).getByText(/WebP/)).toBeVisible();
  expect(document.title).toBe('Harbour · Trichrome');

  await user.click(within(view).getByRole('button', { name: 'Delete' }));
  const confirm = await screen.findByRole('alertdialog');
  expect(within(confirm).getByRole('button', { name: 'Keep it' })).toHaveFocus();
  await user.click(within(confirm).getByRole('button', { name: 'Keep it' }));
  expect(backend.storedPictures).toHaveLength(1);

  await waitFor(() => expect(screen.queryByRole('alertdialog')).not.toBeInTheDocument());
  await user.click(within(view).getByRole('button', { name: 'Delete' }));
  await user.click(await screen.findByRole('button', { name: 'Delete for good' }));
  expect(await screen.findByText('No pictures yet')).toBeVisible();
  expect(document.title).toBe('Pictures · Trichrome');
  expect(backend.storedPictures).toHaveLength(0);
});

it('reports a missing picture', async () => {
  renderLoggedIn('/pictures/0198c2f0-0000-7000-8000-000000000000');
  expect(await screen.findByText('Picture not found')).toBeVisible();
});

it('reports a missing page', async () => {
  renderApp('/nowhere');
  expect(await screen.findByText('Page not found')).toBeVisible();
});

it('loads more pictures, one page at a time', async () => {
  backend.addUser(USER.username, USER.password);
  for (let i = 1; i <= 65; i++) backend.addPicture(USER.username, `Picture ${i}`, base64Of('png'));
  renderLoggedIn('/pictures');
  expect(await screen.findByText('Picture 65')).toBeVisible();
  expect(await screen.findByText('Picture 1')).toBeVisible();
  const lists = backend.requests.filter(({ url }) => url.startsWith('/pictures?'));
  expect(lists).toHaveLength(3);
  expect(lists.every(({ url }) => url.includes('metadata_only=true'))).toBe(true);
});

it('deletes the account only after its name is typed', async () => {
  const user = renderLoggedIn('/pictures');
  await user.click(await screen.findByRole('button', { name: 'Account and settings' }));
  await user.click(await screen.findByRole('button', { name: 'Delete account' }));
  const dialog = await screen.findByRole('alertdialog');
  const confirm = within(dialog).getByRole('button', { name: 'Delete for good' });
  expect(confirm).toBeDisabled();
  await user.type(within(dialog).getByLabelText('Your username'), USER.username);
  await user.click(confirm);
  expect(await screen.findByRole('heading', { name: 'Log in' })).toBeVisible();
  expect(() => backend.addPicture(USER.username, 'x', base64Of('png'))).toThrow('no user');
});

import { createEvent, fireEvent, screen, waitFor, within } from '@testing-library/react';
import type { UserEvent } from '@testing-library/user-event';
import { expect, it } from 'vitest';
import { backend } from '../test/backend';
import { fileOf } from '../test/images';
import { renderLoggedIn } from '../test/renderApp';

async function openDialog(): Promise<UserEvent> {
  const user = renderLoggedIn('/pictures');
  await user.click(await screen.findByRole('button', { name: 'Upload' }));
  await screen.findByRole('dialog');
  return user;
}

const list = () => screen.getByRole('list', { name: 'Pictures to upload' });
const uploadCalls = () => backend.requests.filter(({ method }) => method === 'POST');

it('shows the limits, refuses invalid files with a reason, and uploads the rest', async () => {
  const user = await openDialog();
  expect(
    within(screen.getByRole('dialog')).getByText(/PNG, JPEG, GIF, WebP or AVIF, up to 4 MB each/),
  ).toBeVisible();
  await user.upload(screen.getByTestId('file-input'), [
    fileOf('jpeg', 'Summer_at_the_lake.jpg'),
    fileOf('pdf', 'notes.png'),
    fileOf('png', 'huge.png', 5 * 1024 * 1024),
  ]);
  expect(await within(list()).findByText(/This is a PDF/)).toBeVisible();
  expect(within(list()).getByText('Too large: 5 MB. The limit is 4 MB.')).toBeVisible();

  const title = within(list()).getByLabelText('Title');
  expect(title).toHaveValue('Summer at the lake');
  await user.clear(title);
  expect(screen.getByRole('button', { name: 'Upload 1 picture' })).toBeDisabled();
  await user.type(title, 'The lake');
  await user.click(screen.getByRole('button', { name: 'Upload 1 picture' }));

  expect(await within(list()).findByText(/^Uploaded/)).toBeVisible();
  expect(screen.getByText('1 uploaded, 2 refused')).toBeInTheDocument();
  expect(uploadCalls()).toHaveLength(1);
  await user.click(screen.getByRole('button', { name: 'Close' }));
  expect(await screen.findByRole('link', { name: /The lake/ })).toBeVisible();
});

it('shows why an upload failed and retries with the same key', async () => {
  const user = await openDialog();
  backend.overrides.push({
    match: (request) => request.method === 'POST',
    respond: () => Response.error(),
  });
  await user.upload(screen.getByTestId('file-input'), [fileOf('png', 'once.png')]);
  await user.click(await screen.findByRole('button', { name: 'Upload 1 picture' }));
  expect(await within(list()).findByText(/can’t be reached/)).toBeVisible();
  await user.click(screen.getByRole('button', { name: 'Retry once' }));
  expect(await within(list()).findByText(/^Uploaded/)).toBeVisible();

  const sent = uploadCalls().map(({ headers }) => headers.get('idempotency-key'));
  expect(sent).toHaveLength(2);
  expect(sent[0]).toMatch(/^[0-9a-f-]{36}$/);
  expect(sent[1]).toBe(sent[0]);
});

it('cancels a running upload', async () => {
  const user = await openDialog();
  backend.latency.rest = 60_000;
  await user.upload(screen.getByTestId('file-input'), [fileOf('png', 'slow.png')]);
  await user.click(await screen.findByRole('button', { name: 'Upload 1 picture' }));
  expect(await screen.findByRole('progressbar', { name: 'Uploading slow' })).toBeVisible();
  await user.click(screen.getByRole('button', { name: 'Cancel slow' }));
  expect(await within(list()).findByText('Cancelled')).toBeVisible();
  expect(screen.getByRole('button', { name: 'Retry slow' })).toBeVisible();
});

it('continues while the dialog is closed and can be reopened', async () => {
  const user = await openDialog();
  backend.latency.rest = 60_000;
  await user.upload(screen.getByTestId('file-input'), [fileOf('png', 'slow.png')]);
  await user.click(await screen.findByRole('button', { name: 'Upload 1 picture' }));
  await user.click(screen.getByRole('button', { name: 'Close' }));
  await waitFor(() => expect(screen.queryByRole('dialog')).not.toBeInTheDocument());
  await user.click(screen.getByRole('button', { name: 'Uploading 1 picture' }));
  expect(await screen.findByRole('progressbar', { name: 'Uploading slow' })).toBeVisible();
});

it('accepts files dropped anywhere on the page', async () => {
  renderLoggedIn('/pictures');
  await screen.findByText('No pictures yet');
  const dataTransfer = { types: ['Files'], files: [fileOf('gif', 'dropped.gif')] };
  fireEvent.dragEnter(document.body, { dataTransfer });
  expect(await screen.findByText('Drop pictures to upload them')).toBeVisible();
  fireEvent.drop(document.body, { dataTransfer });
  expect(await screen.findByLabelText('Title')).toHaveValue('dropped');
  expect(screen.queryByText('Drop pictures to upload them')).not.toBeInTheDocument();
});

it('accepts pasted pictures and titles them', async () => {
  renderLoggedIn('/pictures');
  await screen.findByText('No pictures yet');
  const paste = createEvent.paste(document.body, {
    clipboardData: { files: [fileOf('png', 'image.png')] },
  });
  fireEvent(document.body, paste);
  expect(paste.defaultPrevented).toBe(true);
  expect(await screen.findByLabelText('Title')).toHaveValue('Pasted picture');
});

it('leaves pasted text to the focused field', async () => {
  const user = await openDialog();
  await user.upload(screen.getByTestId('file-input'), [fileOf('png', 'one.png')]);
  const title = await screen.findByLabelText('Title');
  const clipboardData = { types: ['text/plain', 'Files'], files: [fileOf('png', 'image.png')] };
  const paste = createEvent.paste(title, { clipboardData });
  fireEvent(title, paste);
  expect(paste.defaultPrevented).toBe(false);
  expect(within(list()).getAllByRole('listitem')).toHaveLength(1);
});

it('keeps unsent pictures when the dialog closes and discards them on Cancel', async () => {
  const user = await openDialog();
  await user.upload(screen.getByTestId('file-input'), [fileOf('png', 'one.png')]);
  await screen.findByRole('button', { name: 'Upload 1 picture' });
  const title = screen.getByLabelText('Title');
  await user.clear(title);
  await user.type(title, 'Typed with care');
  await user.keyboard('{Escape}');
  await user.click(await screen.findByRole('button', { name: '1 picture not uploaded yet' }));
  expect(await screen.findByLabelText('Title')).toHaveValue('Typed with care');
  await user.click(screen.getByRole('button', { name: 'Cancel' }));
  await waitFor(() => expect(screen.queryByRole('dialog')).not.toBeInTheDocument());
  expect(screen.queryByRole('button', { name: /not uploaded yet/ })).not.toBeInTheDocument();
});

// The order of the collection's calls and their input. Method, path, fields, status and response come
// from the contract. generate.mjs rejects steps that don't fit the contract and operations without a
// step.

/** A PNG of one pixel. */
const PICTURE =
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==';

const second = { username: '{{username}}-2', password: '{{password}}' };
const first = { username: '{{username}}', password: '{{password}}' };

export const STEPS = [
  { operation: 'auth-signup', body: first, keep: { token: 'access_token' }, fresh: true },
  { operation: 'auth-login', body: first, keep: { token: 'access_token' } },
  { operation: 'auth-validate', body: { access_token: '{{token}}' }, keep: { user_id: 'user_id' } },
  { operation: 'users-get', path: { user_id: '{{user_id}}' }, expect: { username: '{{username}}' } },
  { operation: 'users-get-by-username', query: { username: '{{username}}' }, expect: { id: '{{user_id}}' } },
  { operation: 'users-validate-password', body: first },
  { operation: 'users-create', body: second, keep: { second_user_id: 'id' } },
  {
    operation: 'pictures-create',
    body: { title: 'One pixel', base64: PICTURE },
    header: { 'idempotency-key': '{{upload_key}}' },
    keep: { picture_id: 'id' },
    expect: { title: 'One pixel', content_type: 'image/png', width: 1, height: 1 },
  },
  {
    operation: 'pictures-create',
    name: 'Repeating an upload creates no second picture',
    body: { title: 'One pixel', base64: PICTURE },
    header: { 'idempotency-key': '{{upload_key}}' },
    expect: { id: '{{picture_id}}' },
  },
  { operation: 'pictures-index', query: { order: 'created' }, expect: { total: 1 } },
  { operation: 'pictures-list', query: { limit: '10', metadata_only: 'true' }, count: 1 },
  {
    operation: 'pictures-get',
    path: { picture_id: '{{picture_id}}' },
    expect: { base64: PICTURE, user_id: '{{user_id}}' },
  },
  {
    operation: 'pictures-content',
    path: { picture_id: '{{picture_id}}' },
  },
  {
    operation: 'pictures-update',
    path: { picture_id: '{{picture_id}}' },
    body: { title: 'The same pixel' },
    expect: { title: 'The same pixel', id: '{{picture_id}}', base64: '' },
  },
  {
    operation: 'uploads-begin',
    body: { title: 'One pixel', size_bytes: 70, content_type: 'image/png', checksums: ['a3+kNPkqi4CqsC2b8aEuSf/K5CTkATocT2i2fj0rvNA='] },
    keep: { upload_id: 'id' },
    expect: { title: 'One pixel', state: 'open' },
  },
  { operation: 'uploads-get', path: { upload_id: '{{upload_id}}' }, expect: { id: '{{upload_id}}', state: 'open' } },
  {
    operation: 'uploads-complete',
    name: 'An upload can’t be completed before its bytes have arrived',
    path: { upload_id: '{{upload_id}}' },
    fails: { status: 409, code: 'ABORTED' },
  },
  { operation: 'uploads-abort', path: { upload_id: '{{upload_id}}' } },
  {
    operation: 'analytics-log',
    body: { transport: 'rest', service: 'postman', method: 'Run', status: 200, duration_ms: 1.5 },
  },
  { operation: 'analytics-get', query: { limit: '5', totals: 'true' } },
  { operation: 'pictures-delete', path: { picture_id: '{{picture_id}}' } },
  {
    operation: 'pictures-get',
    name: 'A deleted picture is not found',
    path: { picture_id: '{{picture_id}}' },
    fails: { status: 404, code: 'NOT_FOUND' },
  },
  { operation: 'auth-change-password', body: { current_password: '{{password}}', new_password: '{{password}}-2' }, keep: { token: 'access_token' } },
  { operation: 'auth-revoke', body: {} },
  {
    operation: 'auth-login',
    name: 'Log in with the new password',
    body: { username: '{{username}}', password: '{{password}}-2' },
    keep: { token: 'access_token' },
  },
  { operation: 'users-delete', path: { user_id: '{{user_id}}' } },
  {
    operation: 'auth-login',
    name: 'A deleted user can’t log in',
    body: first,
    fails: { status: 401, code: 'UNAUTHENTICATED' },
  },
  { operation: 'auth-login', name: 'Log in as the second user', body: second, keep: { token: 'access_token' } },
  { operation: 'users-delete', name: 'Delete the second user', path: { user_id: '{{second_user_id}}' } },
];

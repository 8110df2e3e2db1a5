/** Where to go after logging in: back to where one was, else to the pictures. */
export function returnTo(state: unknown): string {
  if (typeof state !== 'object' || state === null || !('from' in state)) return '/pictures';
  const { from } = state;
  if (typeof from !== 'object' || from === null) return '/pictures';
  const { pathname, search } = from as Record<string, unknown>;
  // The state comes from this app's own history, never from the address: no open redirect.
  return typeof pathname === 'string'
    ? pathname + (typeof search === 'string' ? search : '')
    : '/pictures';
}

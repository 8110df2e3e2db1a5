/** The path to open after logging in: the page visited before, or the pictures. */
export function returnTo(state: unknown): string {
  if (typeof state !== 'object' || state === null || !('from' in state)) return '/pictures';
  const { from } = state;
  if (typeof from !== 'object' || from === null) return '/pictures';
  const { pathname, search } = from as Record<string, unknown>;
  // The state comes from the app's own history, not from the URL, so this is no open redirect.
  return typeof pathname === 'string'
    ? pathname + (typeof search === 'string' ? search : '')
    : '/pictures';
}

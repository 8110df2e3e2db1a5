import { Navigate, Outlet, useLocation } from 'react-router';
import { sessionStore } from '../api/session';
import { useStore } from '../useStore';

/** Pages for people who are logged in; others log in first and come back to where they were. */
export function RequireSession() {
  const { session, reason } = useStore(sessionStore);
  const location = useLocation();
  if (session !== null) return <Outlet />;
  // Whoever logs out means to leave: the next one starts at the front.
  const from = reason === 'logged-out' ? undefined : location;
  return <Navigate to="/login" replace state={{ from }} />;
}

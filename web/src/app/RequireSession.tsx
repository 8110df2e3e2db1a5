import { Navigate, Outlet, useLocation } from 'react-router';
import { sessionStore } from '../api/session';
import { useStore } from '../lib/useStore';

/** Protects pages that need a login. After logging in, the user returns to the requested page. */
export function RequireSession() {
  const { session, reason } = useStore(sessionStore);
  const location = useLocation();
  if (session !== null) return <Outlet />;
  // After a deliberate logout, the next login starts at the default page.
  const from = reason === 'logged-out' ? undefined : location;
  return <Navigate to="/login" replace state={{ from }} />;
}

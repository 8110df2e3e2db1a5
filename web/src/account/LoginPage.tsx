import { Link, Navigate, useLocation } from 'react-router';
import { ApiError, describeError } from '../api/errors';
import { sessionStore } from '../api/session';
import { useStore } from '../lib/useStore';
import { Alert } from '../ui/Alert';
import { useDocumentTitle } from '../ui/useDocumentTitle';
import { AccountLayout } from './AccountLayout';
import { CredentialsForm } from './CredentialsForm';
import { useLogin } from './queries';
import { returnTo } from './returnTo';

export function LoginPage() {
  const { session, reason } = useStore(sessionStore);
  const state: unknown = useLocation().state;
  const login = useLogin();
  useDocumentTitle('Log in');
  if (session !== null) return <Navigate to={returnTo(state)} replace />;
  return (
    <AccountLayout
      title="Log in"
      footer={
        <>
          New here?{' '}
          <Link to="/signup" state={state}>
            Sign up
          </Link>
        </>
      }
    >
      {reason === 'expired' && !login.isError && (
        <Alert severity="info">Your session has expired. Log in to continue.</Alert>
      )}
      <CredentialsForm
        action="Log in"
        newPassword={false}
        pending={login.isPending}
        failure={login.isError ? loginFailure(login.error) : undefined}
        onSubmit={(credentials) => login.mutate(credentials)}
      />
    </AccountLayout>
  );
}

function loginFailure(error: unknown): string {
  if (error instanceof ApiError && error.status === 401) return 'Wrong username or password.';
  return describeError(error);
}

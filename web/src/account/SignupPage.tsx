import { Link, Navigate, useLocation } from 'react-router';
import { ApiError, describeError } from '../api/errors';
import { sessionStore } from '../api/session';
import { useStore } from '../lib/useStore';
import { useDocumentTitle } from '../ui/useDocumentTitle';
import { AccountLayout } from './AccountLayout';
import { CredentialsForm } from './CredentialsForm';
import { useSignup } from './queries';
import { returnTo } from './returnTo';

export function SignupPage() {
  const { session } = useStore(sessionStore);
  const state: unknown = useLocation().state;
  const signup = useSignup();
  useDocumentTitle('Sign up');
  if (session !== null) return <Navigate to={returnTo(state)} replace />;
  return (
    <AccountLayout
      title="Sign up"
      footer={
        <>
          Already have an account?{' '}
          <Link to="/login" state={state}>
            Log in
          </Link>
        </>
      }
    >
      <CredentialsForm
        action="Sign up"
        newPassword
        pending={signup.isPending}
        failure={signup.isError ? signupFailure(signup.error) : undefined}
        onSubmit={(credentials) => signup.mutate(credentials)}
      />
    </AccountLayout>
  );
}

function signupFailure(error: unknown): string {
  if (error instanceof ApiError && error.code === 'ALREADY_EXISTS') {
    return 'This username is taken. Choose another one.';
  }
  return describeError(error);
}

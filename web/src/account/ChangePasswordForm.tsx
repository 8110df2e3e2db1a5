import { type SubmitEvent, useState } from 'react';
import { ApiError, describeError } from '../api/errors';
import { LIMITS } from '../lib/limits';
import { Alert } from '../ui/Alert';
import { Button } from '../ui/Button';
import { notify } from '../ui/notices';
import { PasswordField } from './PasswordField';
import { useChangePassword } from './queries';
import styles from './AccountPage.module.css';

interface Problems {
  readonly current?: string;
  readonly next?: string;
}

/** Changes the password. The fields are uncontrolled, for password managers. */
export function ChangePasswordForm({ username }: { readonly username: string }) {
  const [problems, setProblems] = useState<Problems>({});
  const change = useChangePassword();

  const submit = (event: SubmitEvent<HTMLFormElement>) => {
    event.preventDefault();
    const form = event.currentTarget;
    const typed = new FormData(form);
    const text = (name: string) => {
      const value = typed.get(name);
      return typeof value === 'string' ? value : '';
    };
    const passwords = { current: text('current'), next: text('next') };
    const found = check(passwords);
    setProblems(found);
    if (found.current !== undefined) document.getElementById('current-password')?.focus();
    else if (found.next !== undefined) document.getElementById('new-password')?.focus();
    else if (!change.isPending) {
      change.mutate(
        { username, ...passwords },
        {
          onSuccess: () => {
            form.reset();
            notify('Password changed. You were logged out everywhere else.');
          },
        },
      );
    }
  };

  return (
    <form className={styles.form} noValidate onSubmit={submit}>
      {change.isError && <Alert severity="error">{failureOf(change.error)}</Alert>}
      {/* Tells password managers whose password it is. */}
      <input type="hidden" name="username" autoComplete="username" value={username} readOnly />
      <PasswordField
        id="current-password"
        name="current"
        label="Current password"
        autoComplete="current-password"
        required
        error={problems.current}
      />
      <PasswordField
        id="new-password"
        name="next"
        label="New password"
        autoComplete="new-password"
        required
        error={problems.next}
        help={`At least ${LIMITS.passwordMinLength} characters.`}
      />
      <Button type="submit" variant="contained" loading={change.isPending}>
        Change password
      </Button>
    </form>
  );
}

function failureOf(error: unknown): string {
  if (error instanceof ApiError && error.status === 403) return 'The current password is wrong.';
  return describeError(error);
}

function check({ current, next }: { readonly current: string; readonly next: string }): Problems {
  const length = Array.from(next).length;
  const problem =
    length < LIMITS.passwordMinLength
      ? `Too short: at least ${LIMITS.passwordMinLength} characters.`
      : length > LIMITS.passwordMaxLength
        ? `Too long: at most ${LIMITS.passwordMaxLength} characters.`
        : undefined;
  return {
    ...(current === '' && { current: 'Enter your current password.' }),
    ...(problem !== undefined && { next: problem }),
  };
}

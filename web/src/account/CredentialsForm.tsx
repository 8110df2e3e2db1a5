import { type SubmitEvent, useState } from 'react';
import { LIMITS } from '../lib/limits';
import { Alert } from '../ui/Alert';
import { Button } from '../ui/Button';
import { TextField } from '../ui/TextField';
import styles from './account.module.css';
import { PasswordField } from './PasswordField';
import type { Credentials } from './queries';

interface CredentialsFormProps {
  /** The button's label. */
  readonly action: string;
  /** Whether the password is new. Only new passwords are checked for their minimum length. */
  readonly newPassword: boolean;
  readonly pending: boolean;
  /** Why the last attempt failed. */
  readonly failure: string | undefined;
  readonly onSubmit: (credentials: Credentials) => void;
}

type Problems = Partial<Record<keyof Credentials, string>>;

export function CredentialsForm({
  action,
  newPassword,
  pending,
  failure,
  onSubmit,
}: CredentialsFormProps) {
  const [problems, setProblems] = useState<Problems>({});

  const submit = (event: SubmitEvent<HTMLFormElement>) => {
    event.preventDefault();
    // Uncontrolled fields: password managers fill them without events that React sees.
    const typed = new FormData(event.currentTarget);
    const text = (name: keyof Credentials) => {
      const value = typed.get(name);
      return typeof value === 'string' ? value : '';
    };
    const credentials = { username: text('username'), password: text('password') };
    const found = check(credentials, newPassword);
    setProblems(found);
    if (found.username !== undefined) document.getElementById('username')?.focus();
    else if (found.password !== undefined) document.getElementById('password')?.focus();
    else if (!pending) onSubmit(credentials);
  };

  return (
    <form className={styles.credentials} noValidate onSubmit={submit}>
      {failure !== undefined && <Alert severity="error">{failure}</Alert>}
      <TextField
        id="username"
        label="Username"
        name="username"
        autoComplete="username"
        autoCapitalize="none"
        spellCheck={false}
        required
        // eslint-disable-next-line jsx-a11y/no-autofocus -- this form is the page's only purpose
        autoFocus
        error={problems.username}
      />
      <PasswordField
        id="password"
        label="Password"
        name="password"
        autoComplete={newPassword ? 'new-password' : 'current-password'}
        required
        error={problems.password}
        help={newPassword ? `At least ${LIMITS.passwordMinLength} characters.` : undefined}
      />
      <Button type="submit" variant="contained" size="large" loading={pending}>
        {action}
      </Button>
    </form>
  );
}

function check({ username, password }: Credentials, newPassword: boolean): Problems {
  const problems: Problems = {};
  const length = Array.from(password).length;
  if (username.trim() === '') problems.username = 'Enter a username.';
  else if (Array.from(username).length > LIMITS.usernameLength) {
    problems.username = `At most ${LIMITS.usernameLength} characters.`;
  }
  if (password === '') problems.password = 'Enter a password.';
  else if (newPassword && length < LIMITS.passwordMinLength) {
    problems.password = `Too short: at least ${LIMITS.passwordMinLength} characters.`;
  } else if (length > LIMITS.passwordMaxLength) {
    problems.password = `Too long: at most ${LIMITS.passwordMaxLength} characters.`;
  }
  return problems;
}

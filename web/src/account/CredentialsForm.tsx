import Alert from '@mui/material/Alert';
import Button from '@mui/material/Button';
import Stack from '@mui/material/Stack';
import TextField from '@mui/material/TextField';
import { type SubmitEvent, useState } from 'react';
import { LIMITS } from '../limits';
import { PasswordField } from './PasswordField';
import type { Credentials } from './queries';

interface CredentialsFormProps {
  /** What the button says. */
  readonly action: string;
  /** A new password has to be long enough; an old one only has to be right. */
  readonly newPassword: boolean;
  readonly pending: boolean;
  /** What went wrong with the last try. */
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
  const [username, setUsername] = useState('');
  const [password, setPassword] = useState('');
  const [problems, setProblems] = useState<Problems>({});

  const submit = (event: SubmitEvent) => {
    event.preventDefault();
    const found = check({ username, password }, newPassword);
    setProblems(found);
    if (found.username !== undefined) document.getElementById('username')?.focus();
    else if (found.password !== undefined) document.getElementById('password')?.focus();
    else if (!pending) onSubmit({ username, password });
  };

  return (
    <Stack component="form" noValidate onSubmit={submit} sx={{ gap: 2.5 }}>
      {failure !== undefined && <Alert severity="error">{failure}</Alert>}
      <TextField
        id="username"
        label="Username"
        name="username"
        autoComplete="username"
        // eslint-disable-next-line jsx-a11y/no-autofocus -- the page is about nothing else
        autoFocus
        value={username}
        onChange={(event) => setUsername(event.target.value)}
        error={problems.username !== undefined}
        helperText={problems.username}
        // `required` on the field itself would add a star; both are needed, so it says nothing.
        slotProps={{ htmlInput: { required: true, autoCapitalize: 'none', spellCheck: false } }}
      />
      <PasswordField
        id="password"
        label="Password"
        name="password"
        autoComplete={newPassword ? 'new-password' : 'current-password'}
        value={password}
        onChange={(event) => setPassword(event.target.value)}
        error={problems.password !== undefined}
        helperText={
          problems.password ??
          (newPassword ? `At least ${LIMITS.passwordMinLength} characters.` : undefined)
        }
      />
      <Button type="submit" variant="contained" size="large" loading={pending}>
        {action}
      </Button>
    </Stack>
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

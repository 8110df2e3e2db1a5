import { type ComponentProps, useState } from 'react';
import { IconButton } from '../ui/IconButton';
import { EyeIcon, EyeOffIcon } from '../ui/icons';
import { TextField } from '../ui/TextField';

/** A password field with a button that shows the password. */
export function PasswordField(props: Omit<ComponentProps<typeof TextField>, 'type' | 'end'>) {
  const [shown, setShown] = useState(false);
  return (
    <TextField
      {...props}
      type={shown ? 'text' : 'password'}
      end={
        <IconButton
          label="Show password"
          hint="none"
          aria-pressed={shown}
          onClick={() => setShown(!shown)}
        >
          {shown ? <EyeOffIcon /> : <EyeIcon />}
        </IconButton>
      }
    />
  );
}

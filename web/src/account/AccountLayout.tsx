import Box from '@mui/material/Box';
import Paper from '@mui/material/Paper';
import Stack from '@mui/material/Stack';
import Typography from '@mui/material/Typography';
import type { ReactNode } from 'react';
import { LastCall } from '../shell/LastCall';
import { TransportSwitch } from '../shell/TransportSwitch';
import { Mark } from '../ui/Brand';
import { RADIUS } from '../theme';

interface AccountLayoutProps {
  readonly title: string;
  readonly children: ReactNode;
  /** What stands beneath the form: the way to the other one. */
  readonly footer: ReactNode;
}

/** The page around logging in and signing up. The switch is here too: a login is a call as well. */
export function AccountLayout({ title, children, footer }: AccountLayoutProps) {
  return (
    <Stack
      component="main"
      sx={{
        minHeight: '100dvh',
        alignItems: 'center',
        justifyContent: 'center',
        px: 2,
        py: 4,
        gap: 3,
      }}
    >
      <Stack sx={{ alignItems: 'center', textAlign: 'center', gap: 1.5 }}>
        <Mark size={48} />
        <Typography variant="h1">{title}</Typography>
        <Typography color="textSecondary">
          One place for your pictures, three ways to reach it.
        </Typography>
      </Stack>
      <Paper
        variant="outlined"
        sx={{ width: '100%', maxWidth: 400, p: { xs: 2.5, sm: 4 }, borderRadius: RADIUS.large }}
      >
        {children}
      </Paper>
      <Typography variant="body2">{footer}</Typography>
      <Stack direction="row" sx={{ alignItems: 'center', gap: 1, minHeight: 40 }}>
        <TransportSwitch />
        <Box sx={{ '&:empty': { display: 'none' } }}>
          <LastCall />
        </Box>
      </Stack>
    </Stack>
  );
}

import Avatar from '@mui/material/Avatar';
import Box from '@mui/material/Box';
import Button from '@mui/material/Button';
import Divider from '@mui/material/Divider';
import IconButton from '@mui/material/IconButton';
import Popover from '@mui/material/Popover';
import Stack from '@mui/material/Stack';
import Tooltip from '@mui/material/Tooltip';
import Typography from '@mui/material/Typography';
import { useState } from 'react';
import { DeleteAccountDialog } from '../account/DeleteAccountDialog';
import { endSession, type Session } from '../api/session';
import { LogOutIcon, TrashIcon } from '../ui/icons';
import { SchemeChoice } from './SchemeChoice';
import { RADIUS } from '../theme';

/** Who is logged in, the colour scheme, and the ways out. */
export function AccountMenu({ session }: { readonly session: Session }) {
  const [anchor, setAnchor] = useState<HTMLElement | null>(null);
  const [deleting, setDeleting] = useState(false);
  const close = () => setAnchor(null);
  return (
    <>
      <Tooltip title="Account and settings">
        <IconButton
          edge="end"
          aria-label="Account and settings"
          aria-haspopup="dialog"
          onClick={(event) => setAnchor(event.currentTarget)}
        >
          <Avatar
            sx={{
              width: 30,
              height: 30,
              fontSize: '0.875rem',
              fontWeight: 600,
              color: 'primary.contrastText',
              bgcolor: 'primary.main',
            }}
          >
            {initialOf(session.username)}
          </Avatar>
        </IconButton>
      </Tooltip>
      <Popover
        open={anchor !== null}
        anchorEl={anchor}
        onClose={close}
        anchorOrigin={{ vertical: 'bottom', horizontal: 'right' }}
        transformOrigin={{ vertical: 'top', horizontal: 'right' }}
        slotProps={{
          paper: {
            role: 'dialog',
            'aria-label': 'Account and settings',
            sx: {
              width: 264,
              mt: 0.5,
              p: 2,
              border: 1,
              borderColor: 'divider',
              borderRadius: RADIUS.card,
              boxShadow: '0 8px 28px rgb(0 0 0 / 0.14)',
            },
          },
        }}
      >
        <Stack sx={{ gap: 1.5 }}>
          <Box>
            <Typography variant="caption" color="textSecondary">
              Logged in as
            </Typography>
            <Typography noWrap title={session.username} sx={{ fontWeight: 600 }}>
              {session.username}
            </Typography>
          </Box>
          <SchemeChoice />
          <Divider />
          <Stack
            sx={{
              alignItems: 'stretch',
              gap: 0.5,
              '& .MuiButton-root': { justifyContent: 'flex-start', px: 1 },
            }}
          >
            <Button
              color="inherit"
              startIcon={<LogOutIcon />}
              onClick={() => endSession('logged-out')}
            >
              Log out
            </Button>
            <Button
              color="error"
              startIcon={<TrashIcon />}
              onClick={() => {
                close();
                setDeleting(true);
              }}
            >
              Delete account
            </Button>
          </Stack>
        </Stack>
      </Popover>
      <DeleteAccountDialog
        open={deleting}
        username={session.username}
        onClose={() => setDeleting(false)}
      />
    </>
  );
}

/** The first letter, or what else a name begins with: a character, not half of one. */
function initialOf(username: string): string {
  return (Array.from(username.trim())[0] ?? '').toLocaleUpperCase('en');
}

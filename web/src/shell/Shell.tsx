import AppBar from '@mui/material/AppBar';
import BottomNavigation from '@mui/material/BottomNavigation';
import BottomNavigationAction from '@mui/material/BottomNavigationAction';
import Box from '@mui/material/Box';
import Button from '@mui/material/Button';
import Container from '@mui/material/Container';
import Paper from '@mui/material/Paper';
import Stack from '@mui/material/Stack';
import { styled } from '@mui/material/styles';
import Toolbar from '@mui/material/Toolbar';
import { Suspense, useEffect, useRef } from 'react';
import { Link, NavLink, Outlet, useLocation } from 'react-router';
import { sessionStore } from '../api/session';
import { useStore } from '../store';
import { UploadPanel } from '../uploads/UploadPanel';
import { Brand } from '../ui/Brand';
import { AnalyticsIcon, PicturesIcon } from '../ui/icons';
import { Loading } from '../ui/states';
import { AccountMenu } from './AccountMenu';
import { LastCall } from './LastCall';
import { TransportSwitch } from './TransportSwitch';
import { RADIUS } from '../theme';

const PAGES = [
  { path: '/pictures', label: 'Pictures', icon: <PicturesIcon /> },
  { path: '/analytics', label: 'Analytics', icon: <AnalyticsIcon /> },
] as const;

const SkipLink = styled('a')(({ theme }) => ({
  position: 'absolute',
  left: 16,
  top: -60,
  zIndex: theme.zIndex.tooltip,
  padding: '10px 16px',
  borderRadius: 10,
  color: theme.vars.palette.primary.contrastText,
  backgroundColor: theme.vars.palette.primary.main,
  '&:focus': { top: 10 },
}));

/** What surrounds every page of a person who is logged in. */
export function Shell() {
  const { session } = useStore(sessionStore);
  const { pathname } = useLocation();
  const page = PAGES.find(({ path }) => pathname.startsWith(path))?.path;
  const main = useRef<HTMLElement>(null);
  useFocusOnNewPage(main, page);
  if (session === null) return null;

  return (
    <>
      <SkipLink href="#main">Skip to the content</SkipLink>
      <AppBar
        position="sticky"
        elevation={0}
        color="transparent"
        sx={(theme) => ({
          borderBottom: 1,
          borderColor: 'divider',
          bgcolor: `color-mix(in srgb, ${theme.vars.palette.background.default} 86%, transparent)`,
          backdropFilter: 'blur(12px)',
        })}
      >
        <Container maxWidth="lg">
          <Toolbar
            disableGutters
            sx={{
              gap: { xs: 1, md: 2 },
              flexWrap: { xs: 'wrap', md: 'nowrap' },
              py: { xs: 0.75, md: 0 },
            }}
          >
            <Box
              component={Link}
              to="/pictures"
              aria-label="Trichrome, your pictures"
              sx={{
                display: 'flex',
                color: 'inherit',
                textDecoration: 'none',
                borderRadius: RADIUS.small,
              }}
            >
              <Brand />
            </Box>
            <Stack
              component="nav"
              direction="row"
              aria-label="Pages"
              sx={{ display: { xs: 'none', md: 'flex' }, gap: 0.5, ml: 1 }}
            >
              {PAGES.map(({ path, label }) => (
                <Button
                  key={path}
                  component={NavLink}
                  to={path}
                  color="inherit"
                  sx={{
                    color: 'text.secondary',
                    px: 1.5,
                    '&.active': { color: 'text.primary', bgcolor: 'action.hover' },
                  }}
                >
                  {label}
                </Button>
              ))}
            </Stack>
            <Box sx={{ flex: 1 }} />
            <Stack
              direction="row"
              sx={{
                order: { xs: 3, md: 0 },
                width: { xs: '100%', md: 'auto' },
                alignItems: 'center',
                justifyContent: 'space-between',
                flexDirection: { xs: 'row', md: 'row-reverse' },
                gap: 1,
              }}
            >
              <TransportSwitch />
              <LastCall />
            </Stack>
            <AccountMenu session={session} />
          </Toolbar>
        </Container>
      </AppBar>

      <Container
        component="main"
        id="main"
        ref={main}
        tabIndex={-1}
        maxWidth="lg"
        sx={{ pt: { xs: 2.5, md: 4 }, pb: { xs: 14, md: 8 }, '&:focus': { outline: 'none' } }}
      >
        <Suspense fallback={<Loading label="Loading the page" />}>
          <Outlet />
        </Suspense>
      </Container>

      <Paper
        component="nav"
        aria-label="Pages"
        square
        sx={(theme) => ({
          display: { md: 'none' },
          position: 'fixed',
          insetInline: 0,
          bottom: 0,
          zIndex: theme.zIndex.appBar,
          borderTop: 1,
          borderColor: 'divider',
          pb: 'env(safe-area-inset-bottom)',
        })}
      >
        <BottomNavigation
          showLabels
          value={page}
          sx={{
            bgcolor: 'transparent',
            // One size: a label that grows when it is chosen jumps.
            '& .MuiBottomNavigationAction-label': { fontSize: '0.75rem', fontWeight: 500 },
          }}
        >
          {PAGES.map(({ path, label, icon }) => (
            <BottomNavigationAction
              key={path}
              component={NavLink}
              to={path}
              value={path}
              label={label}
              icon={icon}
            />
          ))}
        </BottomNavigation>
      </Paper>
      <UploadPanel />
    </>
  );
}

/** A change of page is announced as a browser would: by focus at the top of the new content. */
function useFocusOnNewPage(main: React.RefObject<HTMLElement | null>, page: string | undefined) {
  const shown = useRef(page);
  useEffect(() => {
    if (shown.current === page) return;
    shown.current = page;
    scrollTo(0, 0);
    main.current?.focus({ preventScroll: true });
  }, [main, page]);
}

import CssBaseline from '@mui/material/CssBaseline';
import { ThemeProvider } from '@mui/material/styles';
import { type QueryClient, QueryClientProvider } from '@tanstack/react-query';
import { lazy, Suspense, useEffect } from 'react';
import { Navigate, Route, Routes } from 'react-router';
import { LoginPage } from './account/LoginPage';
import { SignupPage } from './account/SignupPage';
import { sessionStore } from './api/session';
import { NotFoundPage } from './shell/NotFoundPage';
import { RequireSession } from './shell/RequireSession';
import { SCHEME_KEY, theme } from './theme';
import { ErrorBoundary } from './ui/ErrorBoundary';
import { NoticeBar } from './ui/NoticeBar';
import { Loading } from './ui/states';

/** Late enough to keep out of the way of the first page, early enough to beat any typist. */
const PRELOAD_AFTER_MS = 1_500;

const loadHome = () => import('./home');
const loadAnalytics = () => import('./analytics/AnalyticsPage');
// Whoever comes back after a reload is logged in already, and needs the page at once: it is not
// left to be found out by what surrounds it.
if (sessionStore.get().session !== null) {
  void loadHome();
  if (location.pathname.startsWith('/analytics')) void loadAnalytics();
}

const Shell = lazy(() => loadHome().then((module) => ({ default: module.Shell })));
const PicturesPage = lazy(() => loadHome().then((module) => ({ default: module.PicturesPage })));
const PictureView = lazy(() => loadHome().then((module) => ({ default: module.PictureView })));
const AnalyticsPage = lazy(() =>
  loadAnalytics().then((module) => ({ default: module.AnalyticsPage })),
);

export function App({ queryClient }: { readonly queryClient: QueryClient }) {
  useEffect(() => {
    // While the password is being typed, the page behind the login gets ready.
    const timer = setTimeout(() => void loadHome(), PRELOAD_AFTER_MS);
    return () => clearTimeout(timer);
  }, []);
  return (
    <ThemeProvider theme={theme} modeStorageKey={SCHEME_KEY} defaultMode="system">
      <CssBaseline enableColorScheme />
      <QueryClientProvider client={queryClient}>
        <ErrorBoundary>
          <Routes>
            <Route path="/login" element={<LoginPage />} />
            <Route path="/signup" element={<SignupPage />} />
            <Route element={<RequireSession />}>
              <Route
                element={
                  <Suspense fallback={<Loading label="Loading Trichrome" />}>
                    <Shell />
                  </Suspense>
                }
              >
                <Route index element={<Navigate to="/pictures" replace />} />
                <Route path="/pictures" element={<PicturesPage />}>
                  <Route path=":pictureId" element={<PictureView />} />
                </Route>
                <Route path="/analytics" element={<AnalyticsPage />} />
              </Route>
            </Route>
            <Route path="*" element={<NotFoundPage />} />
          </Routes>
          <NoticeBar />
        </ErrorBoundary>
      </QueryClientProvider>
    </ThemeProvider>
  );
}

import { type QueryClient, QueryClientProvider } from '@tanstack/react-query';
import { useEffect } from 'react';
import { Navigate, Route, Routes } from 'react-router';
import { LoginPage } from '../account/LoginPage';
import { SignupPage } from '../account/SignupPage';
import { AccountPage, AnalyticsPage, preloadLater, Toaster } from './parts';
import { PicturesPage } from '../timeline/PicturesPage';
import { NotFoundPage } from './NotFoundPage';
import { RequireSession } from './RequireSession';
import { Shell } from './Shell';
import { ErrorBoundary } from '../ui/ErrorBoundary';
import { toasterStore } from '../ui/notices';
import { PictureView } from '../viewer/lazy';
import { useStore } from '../lib/useStore';

export function App({ queryClient }: { readonly queryClient: QueryClient }) {
  useEffect(preloadLater, []);
  return (
    <QueryClientProvider client={queryClient}>
      <ErrorBoundary>
        <Routes>
          <Route path="/login" element={<LoginPage />} />
          <Route path="/signup" element={<SignupPage />} />
          <Route element={<RequireSession />}>
            <Route element={<Shell />}>
              <Route index element={<Navigate to="/pictures" replace />} />
              <Route path="/pictures" element={<PicturesPage />}>
                <Route path=":pictureId" element={<PictureView />} />
              </Route>
              <Route path="/analytics" element={<AnalyticsPage />} />
              <Route path="/account" element={<AccountPage />} />
            </Route>
          </Route>
          <Route path="*" element={<NotFoundPage />} />
        </Routes>
        <Notices />
      </ErrorBoundary>
    </QueryClientProvider>
  );
}

function Notices() {
  return useStore(toasterStore) ? <Toaster /> : null;
}

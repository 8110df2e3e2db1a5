import { type QueryClient, QueryClientProvider } from '@tanstack/react-query';
import { useEffect } from 'react';
import { Navigate, Route, Routes } from 'react-router';
import { LoginPage } from './account/LoginPage';
import { SignupPage } from './account/SignupPage';
import { AnalyticsPage, preloadLater, PictureView } from './parts';
import { PicturesPage } from './pictures/PicturesPage';
import { NotFoundPage } from './shell/NotFoundPage';
import { RequireSession } from './shell/RequireSession';
import { Shell } from './shell/Shell';
import { ErrorBoundary } from './ui/ErrorBoundary';
import { NoticeBar } from './ui/NoticeBar';

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
            </Route>
          </Route>
          <Route path="*" element={<NotFoundPage />} />
        </Routes>
        <NoticeBar />
      </ErrorBoundary>
    </QueryClientProvider>
  );
}

import { lazyWithPreload } from '../ui/lazyWithPreload';
import { toasterStore } from '../ui/notices';
import { Loading } from '../ui/states';
import { PictureView } from '../viewer/lazy';

// Components that are loaded on demand, to keep the first load small.

export const AnalyticsPage = lazyWithPreload(
  () => import('../analytics/AnalyticsPage').then((module) => module.AnalyticsPage),
  <Loading label="Loading the page" />,
);

export const AccountPage = lazyWithPreload(
  () => import('../account/AccountPage').then((module) => module.AccountPage),
  <Loading label="Loading the page" />,
);

/** Shows the notices, and has the live regions that announce them. */
export const Toaster = lazyWithPreload(() =>
  import('../ui/floating/Toaster').then((module) => module.Toaster),
);

/** Late enough not to slow down the first page, early enough for most clicks. */
const PRELOAD_DELAY_MS = 2_500;

/** Preloads the remaining components after a delay; returns a function that cancels it. */
export function preloadLater(): () => void {
  const timer = setTimeout(() => {
    AnalyticsPage.preload();
    PictureView.preload();
    toasterStore.set(true);
  }, PRELOAD_DELAY_MS);
  return () => clearTimeout(timer);
}

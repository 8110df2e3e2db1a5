import { lazyWithPreload } from './ui/lazyWithPreload';
import { Loading } from './ui/states';

// Components that are loaded on demand, to keep the first load small.

export const AnalyticsPage = lazyWithPreload(
  () => import('./analytics/AnalyticsPage').then((module) => module.AnalyticsPage),
  <Loading label="Loading the page" />,
);

/** Loads MUI too, which all dialogs and popovers use. */
export const PictureView = lazyWithPreload(() =>
  import('./pictures/PictureView').then((module) => module.PictureView),
);

/** Loads the code of the page at this path. */
export async function preloadPage(pathname: string): Promise<void> {
  if (pathname.startsWith('/analytics')) await AnalyticsPage.load();
  else if (pathname.startsWith('/pictures/')) await PictureView.load();
}

/** Late enough not to slow down the first page, early enough for most clicks. */
const PRELOAD_DELAY_MS = 2_500;

/** Preloads the remaining components after a delay; returns a function that cancels it. */
export function preloadLater(): () => void {
  const timer = setTimeout(() => {
    AnalyticsPage.preload();
    PictureView.preload();
  }, PRELOAD_DELAY_MS);
  return () => clearTimeout(timer);
}

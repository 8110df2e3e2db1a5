import { lazyWithPreload } from './ui/lazyWithPreload';
import { Loading } from './ui/states';

// What a first visit can do without until it is shown.

export const AnalyticsPage = lazyWithPreload(
  () => import('./analytics/AnalyticsPage').then((module) => module.AnalyticsPage),
  <Loading label="Loading the page" />,
);

/** With it comes the library that all dialogs and popovers are made with. */
export const PictureView = lazyWithPreload(() =>
  import('./pictures/PictureView').then((module) => module.PictureView),
);

/** Loads ahead what the page at this address shows, while the rest of the app starts. */
export async function preloadPage(pathname: string): Promise<void> {
  if (pathname.startsWith('/analytics')) await AnalyticsPage.load();
  else if (pathname.startsWith('/pictures/')) await PictureView.load();
}

/** Late enough to keep out of the way of the first page, early enough to beat most clicks. */
const PRELOAD_DELAY_MS = 2_500;

/** Loads the rest once the page has been quiet; answers what calls it off. */
export function preloadLater(): () => void {
  const timer = setTimeout(() => {
    AnalyticsPage.preload();
    PictureView.preload();
  }, PRELOAD_DELAY_MS);
  return () => clearTimeout(timer);
}

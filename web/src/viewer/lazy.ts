import { lazyWithPreload } from '../ui/lazyWithPreload';

/** The viewer, loaded on demand together with the dialogs' library. */
export const PictureView = lazyWithPreload(() =>
  import('./PictureView').then((module) => module.PictureView),
);

// What a person who is logged in sees first, as one chunk.
export { PicturesPage } from './pictures/PicturesPage';
export { PictureView } from './pictures/PictureView';
export { Shell } from './shell/Shell';

import { cleanup, configure } from '@testing-library/react';
import { afterEach, vi } from 'vitest';
import { endSession } from '../src/api/session';
import { forgetAllPictures } from '../src/pictures/variants';
import { uploads } from '../src/uploads/uploads';
import '../src/ui/styles/index.css';

// Long, because the first test loads what all of them share.
configure({ asyncUtilTimeout: 10_000 });

afterEach(async () => {
  cleanup();
  uploads.clear();
  endSession('logged-out');
  await forgetAllPictures();
  vi.unstubAllGlobals();
  document.body.removeAttribute('style');
});

import { cleanup } from '@testing-library/react';
import { afterEach, vi } from 'vitest';
import { endSession } from '../src/api/session';
import { forgetAllPictures } from '../src/pictures/variants';
import { uploads } from '../src/uploads/uploads';
import '../src/ui/styles/index.css';

afterEach(async () => {
  cleanup();
  uploads.clear();
  endSession('logged-out');
  await forgetAllPictures();
  vi.unstubAllGlobals();
  document.body.removeAttribute('style');
});

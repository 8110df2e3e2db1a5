import '@testing-library/jest-dom/vitest';
import { cleanup, configure } from '@testing-library/react';
import { afterAll, afterEach, beforeAll, beforeEach, vi } from 'vitest';
import { forgetCalls } from '../api/calls';
import { endSession } from '../api/session';
import { chooseTransport } from '../api/transport';
import { uploadDialogStore, uploads } from '../uploads/uploads';
import { freshBackend, server } from './backend';

// Two cores that also compile: what takes 100 ms alone can take seconds.
configure({ asyncUtilTimeout: 10_000 });

/** What jsdom has not: everything counts as in view. */
class VisibleObserver implements IntersectionObserver {
  readonly root = null;
  readonly rootMargin = '';
  readonly scrollMargin = '';
  readonly thresholds = [];
  private readonly callback: IntersectionObserverCallback;

  constructor(callback: IntersectionObserverCallback) {
    this.callback = callback;
  }

  observe(target: Element) {
    const entry = { isIntersecting: true, target } as unknown as IntersectionObserverEntry;
    queueMicrotask(() => this.callback([entry], this));
  }

  unobserve() {
    // Nothing is being watched.
  }

  disconnect() {
    // Nothing is being watched.
  }

  takeRecords() {
    return [];
  }
}

/** A screen that fits no condition: wide, light. */
const anyScreen = (media: string) => Object.assign(new EventTarget(), { media, matches: false });

beforeAll(() => {
  server.listen({ onUnhandledRequest: 'error' });
});

beforeEach(() => {
  freshBackend();
  vi.stubGlobal('IntersectionObserver', VisibleObserver);
  vi.stubGlobal('matchMedia', anyScreen);
  vi.stubGlobal('scrollTo', vi.fn());
  // It has no drawings: the figures of the charts are there in words.
  HTMLCanvasElement.prototype.getContext = () => null;
  URL.createObjectURL = vi.fn(() => `blob:${location.origin}/${crypto.randomUUID()}`);
  URL.revokeObjectURL = vi.fn();
});

afterEach(() => {
  cleanup();
  endSession('logged-out');
  uploads.clear();
  uploadDialogStore.set(false);
  chooseTransport('rest');
  forgetCalls();
  localStorage.clear();
  sessionStorage.clear();
});

afterAll(() => {
  server.close();
});

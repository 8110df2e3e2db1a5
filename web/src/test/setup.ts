import '@testing-library/jest-dom/vitest';
import { cleanup, configure } from '@testing-library/react';
import 'fake-indexeddb/auto';
import { afterAll, afterEach, beforeAll, beforeEach, vi } from 'vitest';
import { forgetCalls } from '../api/calls';
import { endSession } from '../api/session';
import { chooseTransport } from '../api/transport';
import { chooseOrder } from '../pictures/order';
import { uploads } from '../uploads/uploads';
import { freshBackend, server } from './backend';

// Long, because the tests may share the machine with a compiler.
configure({ asyncUtilTimeout: 10_000 });

/** Missing in jsdom. Reports every element as visible. */
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
    // Nothing to stop: `observe` reports once.
  }

  disconnect() {
    // Nothing to stop: `observe` reports once.
  }

  takeRecords() {
    return [];
  }
}

/** Missing in jsdom, where nothing is ever resized. */
class NoResize implements ResizeObserver {
  observe() {
    // Nothing to observe.
  }

  unobserve() {
    // Nothing to stop.
  }

  disconnect() {
    // Nothing to stop.
  }
}

/** A media query that never matches: a wide screen with a light scheme. */
const anyScreen = (media: string) => Object.assign(new EventTarget(), { media, matches: false });

beforeAll(() => {
  server.listen({ onUnhandledRequest: 'error' });
});

beforeEach(() => {
  freshBackend();
  vi.stubGlobal('IntersectionObserver', VisibleObserver);
  vi.stubGlobal('matchMedia', anyScreen);
  vi.stubGlobal('ResizeObserver', NoResize);
  // jsdom has no layout: every element is as wide as a desktop's page.
  vi.spyOn(Element.prototype, 'clientWidth', 'get').mockReturnValue(1200);
  vi.stubGlobal('scrollTo', vi.fn());
  // Missing in jsdom. As on a plain-http address, where the session stays out of the cookie.
  vi.stubGlobal('isSecureContext', false);
  // jsdom has no canvas; the charts' values are also in tables.
  HTMLCanvasElement.prototype.getContext = () => null;
  // Missing in jsdom, too.
  vi.stubGlobal('createImageBitmap', () =>
    Promise.resolve({ width: 480, height: 320, close: () => undefined }),
  );
  URL.createObjectURL = vi.fn(() => `blob:${location.origin}/${crypto.randomUUID()}`);
  URL.revokeObjectURL = vi.fn();
});

afterEach(() => {
  cleanup();
  endSession('logged-out');
  uploads.clear();
  chooseTransport('rest');
  forgetCalls();
  chooseOrder('taken');
  localStorage.clear();
  sessionStorage.clear();
});

afterAll(() => {
  server.close();
});

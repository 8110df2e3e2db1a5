import type { CDPSession, Locator, Page } from 'playwright-core';
import { vi } from 'vitest';

interface Point {
  readonly x: number;
  readonly y: number;
}

/** Fingers on a touch screen, through the debugger: Playwright itself only taps. */
export class Fingers {
  private readonly session: CDPSession;

  private constructor(session: CDPSession) {
    this.session = session;
  }

  static async on(page: Page): Promise<Fingers> {
    return new Fingers(await page.context().newCDPSession(page));
  }

  /** Puts fingers down, moves them in steps to other places and lifts them. */
  async move(from: readonly Point[], to: readonly Point[]): Promise<void> {
    await this.down(from);
    const steps = 6;
    for (let step = 1; step <= steps; step++) {
      const points = from.map((point, index) => ({
        x: point.x + (((to[index]?.x ?? 0) - point.x) * step) / steps,
        y: point.y + (((to[index]?.y ?? 0) - point.y) * step) / steps,
      }));
      await this.send('touchMove', points);
    }
    await this.up();
  }

  down = (points: readonly Point[]) => this.send('touchStart', points);
  up = () => this.send('touchEnd', []);

  private async send(type: 'touchStart' | 'touchMove' | 'touchEnd', points: readonly Point[]) {
    const touchPoints = points.map((point, id) => ({ ...point, id }));
    await this.session.send('Input.dispatchTouchEvent', { type, touchPoints });
  }
}

/** The centre of an element. It has no box for a moment when another takes its place, as the preview does. */
export async function centreOf(element: Locator): Promise<Point> {
  const box = await vi.waitUntil(() => element.boundingBox(), { timeout: 10_000 });
  return { x: box.x + box.width / 2, y: box.y + box.height / 2 };
}

import { type RefObject, useEffect, useState } from 'react';
import { drawPicture, drawPlaceholder, release } from '../pictures/draw';
import { loadThumbnail, uploadOf } from '../pictures/variants';
import type { Box } from './layout';

/** `undecodable`: the browser can't show it, and trying again doesn't help. */
type State = 'loading' | 'shown' | 'failed' | 'undecodable';

/** A thumbnail that is in the cache is drawn sooner than this, without a placeholder before. */
const PLACEHOLDER_MS = 60;

/** Why a download isn't wanted any longer. One for all: each would have a stack trace of its own. */
const LEFT = new DOMException('The picture left the page.', 'AbortError');

/** Draws a picture's placeholder, then its thumbnail. Before that exists, the file it was uploaded from. */
export function useThumbnail(
  canvas: RefObject<HTMLCanvasElement | null>,
  { entry, width, height }: Box,
): { readonly state: State; readonly retry: () => void } {
  const [state, setState] = useState<State>('loading');
  const [attempt, setAttempt] = useState(0);

  useEffect(() => {
    const element = canvas.current;
    if (element === null) return undefined;
    const controller = new AbortController();
    const { signal } = controller;
    const show = async () => {
      const blob =
        entry.state === 'processing' ? uploadOf(entry.id) : await loadThumbnail(entry, signal);
      if (blob === undefined) return 'loading';
      return drawPicture(element, blob, { width, height }, signal).then(
        () => 'shown' as const,
        () => 'undecodable' as const,
      );
    };
    const timer = setTimeout(() => {
      // Not over what is being replaced: the picture in another size, or the uploaded file.
      if (element.width <= 1) drawPlaceholder(element, entry.placeholder);
    }, PLACEHOLDER_MS);
    void show()
      .catch(() => 'failed' as const)
      .then((state) => {
        clearTimeout(timer);
        if (!signal.aborted) setState(state);
      });
    return () => {
      clearTimeout(timer);
      controller.abort(LEFT);
    };
    // eslint-disable-next-line react-hooks/exhaustive-deps -- titles and links don't change the picture
  }, [canvas, entry.id, entry.state, width, height, attempt]);

  useEffect(() => {
    const element = canvas.current;
    return () => {
      if (element !== null) release(element);
    };
  }, [canvas]);

  return { state, retry: () => setAttempt(attempt + 1) };
}

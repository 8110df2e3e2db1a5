import { thumbHashToAverageRGBA, thumbHashToRGBA } from 'thumbhash';

/** More pixels for each of the page's aren't seen in a thumbnail, and cost memory. */
const MAX_RATIO = 2;

/** The box in which a picture is shown, in pixels of the page. */
export interface Frame {
  readonly width: number;
  readonly height: number;
}

/**
 * Draws a picture as large as it is shown. Browsers keep the decoded pixels of `<img>` for long after it
 * has left the page; those of a canvas end with it. Rejects if the browser can't decode the picture.
 */
export async function drawPicture(
  canvas: HTMLCanvasElement,
  blob: Blob,
  frame: Frame,
  signal: AbortSignal,
): Promise<void> {
  const bitmap = await createImageBitmap(blob);
  try {
    signal.throwIfAborted();
    const fit = Math.min(frame.width / bitmap.width, frame.height / bitmap.height);
    const scale = Math.min(1, fit * Math.min(devicePixelRatio, MAX_RATIO));
    canvas.width = Math.max(1, Math.round(bitmap.width * scale));
    canvas.height = Math.max(1, Math.round(bitmap.height * scale));
    // In the tab's own memory: a layer of the graphics card for each tile would cost more.
    const context = canvas.getContext('2d', { willReadFrequently: true });
    if (context === null) return;
    context.imageSmoothingQuality = 'medium';
    context.drawImage(bitmap, 0, 0, canvas.width, canvas.height);
  } finally {
    bitmap.close();
  }
}

/** Decodes a ThumbHash in base64; undefined if it is malformed. */
function decode<T>(hash: string, read: (bytes: Uint8Array) => T): T | undefined {
  if (hash === '') return undefined;
  try {
    return read(Uint8Array.from(atob(hash), (char) => char.charCodeAt(0)));
  } catch {
    return undefined;
  }
}

/** Draws a ThumbHash: a blurred picture of about 30 pixels. */
export function drawPlaceholder(canvas: HTMLCanvasElement, hash: string): void {
  const context = canvas.getContext('2d', { willReadFrequently: true });
  const image = context === null ? undefined : decode(hash, thumbHashToRGBA);
  if (image === undefined) return;
  canvas.width = image.w;
  canvas.height = image.h;
  const pixels = new ImageData(new Uint8ClampedArray(image.rgba), image.w, image.h);
  context?.putImageData(pixels, 0, 0);
}

/** The average colour of a ThumbHash, as CSS; undefined if it is mostly transparent. */
export function averageColour(hash: string): string | undefined {
  const average = decode(hash, thumbHashToAverageRGBA);
  if (average === undefined || average.a < 0.5) return undefined;
  const [r, g, b] = [average.r, average.g, average.b].map((part) => Math.round(part * 255));
  return `rgb(${r} ${g} ${b})`;
}

/** Gives the pixels back at once, instead of with the next garbage collection. */
export function release(canvas: HTMLCanvasElement): void {
  canvas.width = 0;
  canvas.height = 0;
}

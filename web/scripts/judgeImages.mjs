// Decodes images in Chromium, for the test that compares the service's verdicts with a browser's
// (functions/image/tests/chromium). Standard input has one JSON object a line:
//
// - `type`: a media type
// - `base64`: an image
// - `whole`: the same image undamaged, if the damage may leave no trace
//
// Standard output gets one for each, in the same order: `width` and `height` if Chromium shows the
// image whole, `error` otherwise.
/* global Image, ImageDecoder, OffscreenCanvas */
import { createInterface } from 'node:readline';
import { chromium } from 'playwright-core';
import { CHROMIUM_ARGS, chromiumPath } from './chromium.mjs';

/** Images decoded at the same time. */
const BATCH = 64;

/** Time allowed for one image, in milliseconds: a hundred times what one takes. */
const TIMEOUT = 10_000;

/** Only a secure origin has ImageDecoder. Requests are answered below, so nothing is fetched. */
const PAGE = 'https://images.invalid/';

/** Runs in the page. */
async function judge({ images, timeout }) {
  const bytes = (base64) => Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));

  // `completeFramesOnly` refuses images that `<img>` would show in part. An animation is shown whole
  // if all of its frames are.
  const decode = async (type, base64) => {
    const decoder = new ImageDecoder({ data: bytes(base64), type });
    try {
      await decoder.tracks.ready;
      await decoder.completed;
      const frames = decoder.tracks.selectedTrack.frameCount;
      let size;
      for (let frameIndex = 0; frameIndex < frames; frameIndex += 1) {
        const { image } = await decoder.decode({ frameIndex, completeFramesOnly: true });
        size ??= { width: image.codedWidth, height: image.codedHeight };
        image.close();
      }
      return size ?? { error: 'no frames' };
    } catch (error) {
      return { error: String(error) };
    } finally {
      decoder.close();
    }
  };

  // What `<img>` draws; `undefined` for an image that it refuses.
  const draw = async (type, base64) => {
    const url = URL.createObjectURL(new Blob([bytes(base64)], { type }));
    try {
      const image = new Image();
      image.src = url;
      await image.decode();
      const canvas = new OffscreenCanvas(image.naturalWidth, image.naturalHeight);
      const context = canvas.getContext('2d');
      context.drawImage(image, 0, 0);
      return context.getImageData(0, 0, canvas.width, canvas.height).data;
    } catch {
      return undefined;
    } finally {
      URL.revokeObjectURL(url);
    }
  };

  const looksWhole = async ({ type, base64, whole }) => {
    const [damaged, undamaged] = await Promise.all([draw(type, base64), draw(type, whole)]);
    return (
      damaged?.length === undamaged?.length &&
      damaged?.every((sample, place) => sample === undamaged[place])
    );
  };

  const verdict = async (image) => {
    const decoded = await decode(image.type, image.base64);
    if (decoded.error === undefined || image.whole === undefined) return decoded;
    return (await looksWhole(image)) ? decode(image.type, image.whole) : decoded;
  };

  const late = () =>
    new Promise((resolve) => {
      setTimeout(() => resolve({ error: 'timeout' }), timeout);
    });
  return Promise.all(images.map((image) => Promise.race([verdict(image), late()])));
}

const images = [];
for await (const line of createInterface({ input: process.stdin })) images.push(JSON.parse(line));

const browser = await chromium.launch({ executablePath: chromiumPath(), args: CHROMIUM_ARGS });
try {
  const page = await browser.newPage();
  await page.route('**', (route) => route.fulfill({ contentType: 'text/html', body: '' }));
  await page.goto(PAGE);
  for (let at = 0; at < images.length; at += BATCH) {
    const batch = { images: images.slice(at, at + BATCH), timeout: TIMEOUT };
    for (const verdict of await page.evaluate(judge, batch)) console.log(JSON.stringify(verdict));
  }
} finally {
  await browser.close();
}

import type { Box } from './layout';

/** A picture's place on the page. */
export interface Placed {
  readonly box: Box;
  /** Pixels from the top of the timeline. */
  readonly top: number;
}

const centre = ({ box }: Placed) => box.left + box.width / 2;

/** The picture in the row above (-1) or below (1) that is nearest to `from`. */
function vertical(places: readonly Placed[], from: Placed, step: 1 | -1): Placed | undefined {
  const start = places.indexOf(from);
  let row: number | undefined;
  let best: Placed | undefined;
  for (let at = start + step; at >= 0 && at < places.length; at += step) {
    const place = places[at];
    if (place === undefined || place.top === from.top) continue;
    row ??= place.top;
    if (place.top !== row) break;
    const nearer =
      best === undefined ||
      Math.abs(centre(place) - centre(from)) < Math.abs(centre(best) - centre(from));
    if (nearer) best = place;
  }
  return best;
}

/** The picture that a key moves to, or undefined at an edge. `places` are in reading order. */
export function move(places: readonly Placed[], from: Placed, key: string): Placed | undefined {
  const at = places.indexOf(from);
  switch (key) {
    case 'ArrowLeft':
      return places[at - 1];
    case 'ArrowRight':
      return places[at + 1];
    case 'ArrowUp':
      return vertical(places, from, -1);
    case 'ArrowDown':
      return vertical(places, from, 1);
    default:
      return undefined;
  }
}

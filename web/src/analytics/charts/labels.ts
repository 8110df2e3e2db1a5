/** The approximate width of a character and the gap between labels, in pixels. */
const CHARACTER = 7;
const GAP = 16;

/**
 * Picks the indexes of the labels to draw along an axis so that they don't overlap. Of equal
 * neighbours only the first is drawn.
 */
export function labelsThatFit(labels: readonly string[], room: number): readonly number[] {
  const first = labels.flatMap((label, index) => (label === labels[index - 1] ? [] : [index]));
  const widest = Math.max(...labels.map((label) => label.length));
  const most = Math.max(1, Math.floor(room / (widest * CHARACTER + GAP)));
  const every = Math.ceil(first.length / most);
  return first.filter((_, index) => index % every === 0);
}

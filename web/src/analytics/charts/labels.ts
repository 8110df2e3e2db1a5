/** How wide a character of a chart's labels is, about, and the space between labels, in pixels. */
const CHARACTER = 7;
const GAP = 16;

/**
 * Which of the labels in a row to write, so that none touches the next: of equal neighbours only
 * the first, and of those as many as there is room for.
 */
export function labelsThatFit(labels: readonly string[], room: number): readonly number[] {
  const first = labels.flatMap((label, index) => (label === labels[index - 1] ? [] : [index]));
  const widest = Math.max(...labels.map((label) => label.length));
  const most = Math.max(1, Math.floor(room / (widest * CHARACTER + GAP)));
  const every = Math.ceil(first.length / most);
  return first.filter((_, index) => index % every === 0);
}

import type { Placed } from './geometry';
import type { Box } from './layout';
import type { Section } from './useSections';

/** All pictures that have been laid out, in reading order. */
export function placesOf(sections: readonly Section[]): readonly Placed[] {
  return sections.flatMap((section) =>
    (section.layout?.days ?? []).flatMap(({ boxes }) =>
      boxes.map((box) => ({ box, top: section.top + box.top })),
    ),
  );
}

/** The first box of a month that fits, in reading order. */
export function findBox({ layout }: Section, fits: (box: Box) => boolean): Box | undefined {
  for (const { boxes } of layout?.days ?? []) {
    const box = boxes.find(fits);
    if (box !== undefined) return box;
  }
  return undefined;
}

/** The first picture that ends below this height, among the sections that are near it. */
export function firstBelow(sections: readonly Section[], top: number): string | undefined {
  for (const section of sections) {
    if (section.top + section.height <= top) continue;
    const box = findBox(section, (box) => section.top + box.top + box.height > top);
    if (box !== undefined) return box.entry.id;
  }
  return undefined;
}

/** The month that has a picture, once it has been laid out. */
export function monthWith(sections: readonly Section[], id: string | undefined) {
  if (id === undefined) return undefined;
  return sections.find(({ entries }) => entries?.some((entry) => entry.id === id))?.month;
}

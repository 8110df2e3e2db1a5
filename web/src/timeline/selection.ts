import { createStore } from '../lib/store';

/** What is known of a selected picture. */
export interface Selected {
  readonly id: string;
  readonly title: string;
}

/** The selected pictures by id, in the order of their selection. */
export const selectionStore = createStore<ReadonlyMap<string, Selected>>(new Map());

/** The picture from which a range is selected. */
let anchor: string | undefined;

export const selectionAnchor = () => anchor;

export function clearSelection(): void {
  anchor = undefined;
  if (selectionStore.get().size > 0) selectionStore.set(new Map());
}

export function toggleSelected(picture: Selected): void {
  const next = new Map(selectionStore.get());
  if (!next.delete(picture.id)) next.set(picture.id, picture);
  anchor = picture.id;
  selectionStore.set(next);
}

/** Adds pictures to the selection. */
export function select(pictures: readonly Selected[]): void {
  const next = new Map(selectionStore.get());
  for (const { id, title } of pictures) next.set(id, { id, title });
  selectionStore.set(next);
}

/** Selects everything between the last selected picture and this one. */
export function selectRange(pictures: readonly Selected[], to: Selected): void {
  const start = pictures.findIndex(({ id }) => id === anchor);
  const end = pictures.findIndex(({ id }) => id === to.id);
  if (start < 0 || end < 0) {
    select([to]);
    anchor = to.id;
    return;
  }
  select(pictures.slice(Math.min(start, end), Math.max(start, end) + 1));
}

import { useQuery, useQueryClient } from '@tanstack/react-query';
import type { Order } from '../api/queryKeys';
import type { IndexEntry, PictureMonth } from '../api/types';
import { useStore } from '../lib/useStore';
import { type Dated, monthOf } from '../pictures/dates';
import { hiddenStore } from '../pictures/deletion';
import { monthQuery, monthsQuery } from '../pictures/queries';

export interface Neighbours {
  /** The picture's entry in the timeline, which may be known before its details. */
  readonly current: IndexEntry | undefined;
  readonly previous: IndexEntry | undefined;
  readonly next: IndexEntry | undefined;
  /** The position in the timeline, from 1. */
  readonly position: number | undefined;
  readonly total: number;
}

/** The pictures of a month, once they have been loaded. */
function useMonth(order: Order, month: string | undefined, wanted: boolean): readonly IndexEntry[] {
  const enabled = wanted && month !== undefined;
  return useQuery({ ...monthQuery(order, month ?? ''), enabled }).data ?? [];
}

/** Finds the pictures before and after one in the timeline, also across months. */
export function useNeighbours(id: string, dated: Dated | undefined, order: Order): Neighbours {
  const hidden = useStore(hiddenStore);
  const { data } = useQuery(monthsQuery(order));
  const months = data?.months ?? [];
  const month = dated && monthOf(dated, order);
  const at = months.findIndex((one) => one.month === month);

  const all = useMonth(order, months[at]?.month, true);
  // The picture itself may be hidden: it is shown until the next one has been opened.
  const visible = (entry: IndexEntry) => entry.id === id || !hidden.has(entry.id);
  const entries = all.filter(visible);
  const index = entries.findIndex((entry) => entry.id === id);
  const known = at >= 0 && index >= 0;
  const newer = useMonth(order, months[at - 1]?.month, known && index === 0).filter(visible);
  const isLast = known && index === entries.length - 1;
  const older = useMonth(order, months[at + 1]?.month, isLast).filter(visible);

  const client = useQueryClient();
  /** The pictures of a month that aren't being deleted. */
  const countOf = ({ month, count }: PictureMonth) => {
    const loaded = client.getQueryData(monthQuery(order, month).queryKey);
    return count - (loaded?.filter((entry) => !visible(entry)).length ?? 0);
  };
  const sum = (of: readonly PictureMonth[]) => of.reduce((sum, month) => sum + countOf(month), 0);
  const before = sum(months.slice(0, Math.max(0, at)));
  return {
    current: entries[index],
    previous: known ? (entries[index - 1] ?? newer.at(-1)) : undefined,
    next: known ? (entries[index + 1] ?? older[0]) : undefined,
    position: known ? before + index + 1 : undefined,
    total: sum(months),
  };
}

import { useQueries, useQuery } from '@tanstack/react-query';
import { useMemo } from 'react';
import type { Order } from '../api/queryKeys';
import type { IndexEntry } from '../api/types';
import { useStore } from '../lib/useStore';
import { dayOf } from '../pictures/dates';
import { hiddenStore } from '../pictures/deletion';
import { monthQuery, monthsQuery } from '../pictures/queries';
import { estimateHeight, type Layout, layOut, rowHeightFor } from './layout';
import { useLoadedMonths } from './useLoadedMonths';

/** A month of the timeline. */
export interface Section {
  readonly month: string;
  /** The number of pictures, which is known before the pictures are. */
  readonly count: number;
  /** The number of pictures in the months above. */
  readonly before: number;
  /** Pixels from the top of the timeline. */
  readonly top: number;
  /** Exact if the pictures are known, estimated otherwise. */
  readonly height: number;
  readonly entries?: readonly IndexEntry[];
  readonly layout?: Layout;
}

export interface Sections {
  readonly sections: readonly Section[];
  readonly total: number;
  readonly height: number;
  /** Whether there are no pictures, apart from those being deleted. Undefined until it is known. */
  readonly isEmpty: boolean | undefined;
  readonly error: Error | null;
  /** Whether something that is on screen, or searched, is still being loaded. */
  readonly isLoading: boolean;
  readonly retry: () => void;
}

interface SectionsOptions {
  readonly order: Order;
  /** Lower-case text that titles must contain; empty shows everything. */
  readonly search: string;
  readonly width: number;
  /** The months that are near the viewport. Only these are loaded, unless there is a search. */
  readonly near: ReadonlySet<string>;
}

/** Loads the months near the viewport and lays them out. */
export function useSections({ order, search, width, near }: SectionsOptions): Sections {
  const hidden = useStore(hiddenStore);
  const months = useQuery(monthsQuery(order));
  const known = months.data?.months;
  const searching = search !== '';

  // A search loads every month, but shows few.
  const queries = useMemo(
    () =>
      (known ?? [])
        .filter(({ month }) => searching || near.has(month))
        .map(({ month }) => monthQuery(order, month, { links: near.has(month) })),
    [known, searching, near, order],
  );
  const { error: monthsError, isLoading } = useQueries({ queries, combine: outcome });
  const loaded = useLoadedMonths(order);

  const layouts = useMemo(() => createLayouts(order, width), [order, width]);
  const { sections, height } = useMemo(() => {
    const sections: Section[] = [];
    let top = 0;
    let before = 0;
    (known ?? []).forEach(({ month, count }) => {
      const all = loaded.get(month);
      const entries = all?.filter(
        ({ id, title }) => !hidden.has(id) && (!searching || title.toLowerCase().includes(search)),
      );
      // Months are left out of the results until they have been searched.
      if (entries === undefined ? searching : entries.length === 0) return;
      const section = { month, before, top, count: entries?.length ?? count };
      const layout = entries && layouts.of(month, entries);
      const height = layout?.height ?? layouts.estimate(count);
      sections.push({ ...section, height, ...(entries && { entries }), ...(layout && { layout }) });
      top += height;
      before += section.count;
    });
    return { sections, height: top };
  }, [known, loaded, hidden, searching, search, layouts]);

  const last = sections.at(-1);
  const total = last === undefined ? 0 : last.before + last.count;
  return {
    sections,
    total,
    height,
    isEmpty: known && (known.length === 0 || (!searching && sections.length === 0)),
    error: months.error ?? monthsError,
    isLoading: months.isLoading || isLoading,
    retry: () => void months.refetch(),
  };
}

/** What there is to say of several queries. */
function outcome(
  results: readonly { readonly error: Error | null; readonly isLoading: boolean }[],
): Pick<Sections, 'error' | 'isLoading'> {
  return {
    error: results.find(({ error }) => error !== null)?.error ?? null,
    isLoading: results.some(({ isLoading }) => isLoading),
  };
}

/** Lays out months, and keeps each layout until its pictures change. */
function createLayouts(order: Order, width: number) {
  const options = {
    width,
    rowHeight: rowHeightFor(width),
    dayOf: (entry: IndexEntry) => dayOf(entry, order),
  };
  const kept = new Map<
    string,
    { readonly entries: readonly IndexEntry[]; readonly layout: Layout }
  >();
  return {
    estimate: (count: number) => estimateHeight(count, options),
    of: (month: string, entries: readonly IndexEntry[]): Layout => {
      const known = kept.get(month);
      const same =
        known?.entries.length === entries.length &&
        known.entries.every((entry, index) => entry === entries[index]);
      if (known !== undefined && same) return known.layout;
      const layout = layOut(entries, options);
      kept.set(month, { entries, layout });
      return layout;
    },
  };
}

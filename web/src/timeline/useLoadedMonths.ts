import { type QueryClient, useQueryClient } from '@tanstack/react-query';
import { useMemo, useSyncExternalStore } from 'react';
import { keys, type Order } from '../api/queryKeys';
import type { IndexEntry } from '../api/types';

type Months = ReadonlyMap<string, readonly IndexEntry[]>;

/**
 * The pictures of all months that are in the cache, by month. It is one subscription: with an observer for
 * each of a hundred months, each change of one would compute the results of all.
 */
export function useLoadedMonths(order: Order): Months {
  const client = useQueryClient();
  const { subscribe, get } = useMemo(() => watchMonths(client, order), [client, order]);
  return useSyncExternalStore(subscribe, get);
}

function watchMonths(client: QueryClient, order: Order) {
  const prefix = [...keys.index, order, 'month'];
  const read = () => {
    const months = new Map<string, readonly IndexEntry[]>();
    const found = client.getQueriesData<readonly IndexEntry[]>({ queryKey: prefix });
    for (const [key, entries] of found) {
      if (entries !== undefined) months.set(String(key[prefix.length]), entries);
    }
    return months;
  };
  let months: Months = read();
  return {
    get: () => months,
    subscribe: (changed: () => void) => {
      months = read();
      return client.getQueryCache().subscribe(({ type, query }) => {
        const key = query.queryKey as readonly unknown[];
        if (!prefix.every((part, index) => key[index] === part)) return;
        const month = String(key[prefix.length]);
        const data: unknown = type === 'removed' ? undefined : query.state.data;
        const entries = data as readonly IndexEntry[] | undefined;
        if (entries === months.get(month)) return;
        const next = new Map(months);
        if (entries === undefined) next.delete(month);
        else next.set(month, entries);
        months = next;
        changed();
      });
    },
  };
}

// Prefetches the data of the current page while the app's code is loading. This module must not
// import React.
import { readFilters, toQuery } from '../analytics/filters';
import { fetchLogs, fetchTotals } from '../analytics/requests';
import { prefetch } from '../api/prefetch';
import { sessionStore } from '../api/session';
import { fetchList, fetchPicture } from '../pictures/requests';
import { keys } from '../api/queryKeys';

/** The most picture bytes to prefetch: about as much as the app's own code. */
const MAX_PREFETCH_BYTES = 100_000;

/** Prefetches the first page of the list and as many of its pictures as the budget allows. */
function prefetchPictures(): void {
  const list = fetchList('');
  prefetch(keys.list, () => list);
  void list.then(
    ({ pictures }) => {
      let bytes = 0;
      for (const { id, size_bytes } of pictures) {
        bytes += size_bytes;
        if (bytes > MAX_PREFETCH_BYTES) return;
        prefetch(keys.image(id), () => fetchPicture(id));
      }
    },
    () => undefined,
  );
}

if (sessionStore.get().session !== null) {
  if (location.pathname === '/pictures') prefetchPictures();
  if (location.pathname === '/analytics') {
    const filters = toQuery(readFilters(new URLSearchParams(location.search)), Date.now());
    prefetch(keys.totals(filters), () => fetchTotals(filters));
    prefetch(keys.logs(filters, ''), () => fetchLogs(filters, ''));
  }
}

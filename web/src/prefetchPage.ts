// Asks for what the page at this address shows first, while the app's own code is still on its
// way. Nothing of React is imported from here.
import { readFilters, toQuery } from './analytics/filters';
import { fetchLogs, fetchTotals } from './analytics/requests';
import { prefetch } from './api/prefetch';
import { sessionStore } from './api/session';
import { fetchList, fetchPicture } from './pictures/requests';
import { keys } from './queryKeys';

/** How many bytes of pictures are asked for ahead: no more than the app's own code has. */
const MAX_PREFETCH_BYTES = 100_000;

/** The list, and the first pictures of it, as far as they don't keep the app waiting. */
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

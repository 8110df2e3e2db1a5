// Prefetches the data of the current page while the app's code is loading. This module must not
// import React.
import { readFilters, toQuery } from '../analytics/filters';
import { fetchLogs, fetchTotals } from '../analytics/requests';
import { prefetch } from '../api/prefetch';
import { keys } from '../api/queryKeys';
import { sessionStore } from '../api/session';
import { fetchMonth } from '../pictures/months';
import { orderStore } from '../pictures/order';
import { fetchMonths } from '../pictures/requests';
import { loadThumbnail } from '../pictures/variants';

/** About what fits on the first screen. */
const FIRST_PICTURES = 12;

/** Prefetches the months, the newest of them, and the thumbnails on the first screen. */
function prefetchPictures(): void {
  const order = orderStore.get();
  const months = fetchMonths(order);
  prefetch(keys.months(order), () => months);
  // Failures are reported by the page's own queries.
  const ignore = () => undefined;
  months.then(({ months: [newest] }) => {
    if (newest === undefined) return;
    const entries = fetchMonth(order, newest.month);
    prefetch(keys.month(order, newest.month), () => entries);
    entries.then((pictures) => {
      // The queue serves the newest request first.
      for (const entry of pictures.slice(0, FIRST_PICTURES).reverse()) {
        if (entry.state === 'ready') loadThumbnail(entry).catch(ignore);
      }
    }, ignore);
  }, ignore);
}

if (sessionStore.get().session !== null) {
  if (location.pathname === '/pictures') prefetchPictures();
  if (location.pathname === '/analytics') {
    const filters = toQuery(readFilters(new URLSearchParams(location.search)), Date.now());
    prefetch(keys.totals(filters), () => fetchTotals(filters));
    prefetch(keys.logs(filters, ''), () => fetchLogs(filters, ''));
  }
}

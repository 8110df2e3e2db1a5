// Asks for what the page at this address shows first, while the app's own code is still on its
// way. Nothing of React is imported from here.
import { readFilters, toQuery } from './analytics/filters';
import { askLogs, askTotals } from './analytics/requests';
import { askAhead } from './api/ahead';
import { sessionStore } from './api/session';
import { askList, askPicture } from './pictures/requests';
import { keys } from './queryKeys';

/** How many bytes of pictures are asked for ahead: no more than the app's own code has. */
const AHEAD_BYTES = 100_000;

/** The list, and the first pictures of it, as far as they don't keep the app waiting. */
function picturesAhead(): void {
  const list = askList('');
  askAhead(keys.list, () => list);
  void list.then(
    ({ pictures }) => {
      let bytes = 0;
      for (const { id, size_bytes } of pictures) {
        bytes += size_bytes;
        if (bytes > AHEAD_BYTES) return;
        askAhead(keys.image(id), () => askPicture(id));
      }
    },
    () => undefined,
  );
}

if (sessionStore.get().session !== null) {
  if (location.pathname === '/pictures') picturesAhead();
  if (location.pathname === '/analytics') {
    const filters = toQuery(readFilters(new URLSearchParams(location.search)), Date.now());
    askAhead(keys.totals(filters), () => askTotals(filters));
    askAhead(keys.logs(filters, ''), () => askLogs(filters, ''));
  }
}

import { QueryClient } from '@tanstack/react-query';
import { forgetCalls } from '../api/calls';
import { ApiError } from '../api/errors';
import { sessionStore } from '../api/session';
import { transportStore } from '../api/transport';
import { deletePendingNow, forgetDeletions } from '../pictures/deletion';
import { forgetAllPictures, rememberUpload } from '../pictures/variants';
import { keys } from '../api/queryKeys';
import { forgetPlaces } from '../timeline/useAnchor';
import { waitUntilDerived } from '../uploads/derived';
import { uploads } from '../uploads/uploads';

/** Data older than this is fetched again when it is shown. */
const STALE_MS = 30_000;

/** Creates the query cache and connects it to the stores that clear or refresh it. */
export function createQueryClient(): QueryClient {
  const client = new QueryClient({
    defaultOptions: {
      queries: {
        // An offline browser can still reach a stack on the same machine.
        networkMode: 'always',
        refetchOnReconnect: true,
        staleTime: STALE_MS,
        // Retries lost connections only. A transport that reports being down has already used up
        // its deadline, so the user shouldn't wait for it twice.
        retry: (failures, error) => failures < 1 && error instanceof ApiError && error.status === 0,
        retryDelay: 400,
      },
      mutations: { networkMode: 'always' },
    },
  });
  followTransport(client);
  followSession(client);
  showUploads(client);
  // A page that is left can't offer to undo any longer.
  addEventListener('pagehide', () => void deletePendingNow());
  return client;
}

/** Shows an uploaded picture at once, from its file until the service has made its thumbnail. */
function showUploads(client: QueryClient): void {
  const refresh = () => void client.invalidateQueries({ queryKey: keys.index });
  let session = new AbortController();
  sessionStore.subscribe(() => {
    session.abort();
    session = new AbortController();
  });
  uploads.onStored = (picture, file) => {
    rememberUpload(picture.id, file);
    refresh();
    void waitUntilDerived(picture, session.signal).then((derived) => {
      if (derived !== undefined) refresh();
    });
  };
  uploads.onOutcomeUnknown = refresh;
}

/** Fetches the data on screen again when the transport changes. */
function followTransport(client: QueryClient): void {
  transportStore.subscribe(() => {
    void refetch(client, keys.pictures);
    void refetch(client, keys.analytics);
  });
}

/** Invalidates queries and cancels first loads still pending on the previous transport. */
async function refetch(client: QueryClient, queryKey: readonly string[]): Promise<void> {
  await client.cancelQueries({ queryKey, predicate: ({ state }) => state.data === undefined });
  await client.invalidateQueries({ queryKey });
}

/** Clears the data of one user before the next one logs in. */
function followSession(client: QueryClient): void {
  const follow = () => {
    const { session, reason } = sessionStore.get();
    if (session !== null) {
      // Continues what an earlier page left, or what failed when the session expired.
      void uploads.restore(session.username).then(() => uploads.retryAll());
    } else if (reason !== 'start') {
      forgetDeletions();
      client.clear();
      forgetCalls();
      forgetPlaces();
      void forgetAllPictures();
      if (reason === 'logged-out') uploads.clear();
    }
  };
  follow();
  sessionStore.subscribe(follow);
}

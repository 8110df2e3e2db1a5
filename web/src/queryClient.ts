import { QueryClient } from '@tanstack/react-query';
import { forgetCalls } from './api/calls';
import { ApiError } from './api/errors';
import { sessionStore } from './api/session';
import { transportStore } from './api/transport';
import { limitImageCache } from './pictures/imageCache';
import { addToCache } from './pictures/queries';
import { keys } from './queryKeys';
import { uploads } from './uploads/uploads';

/** What is asked anew when it is shown again after this long. */
const STALE_MS = 30_000;

/** The cache of answers, and what outside of React empties or refreshes it. */
export function createQueryClient(): QueryClient {
  const client = new QueryClient({
    defaultOptions: {
      queries: {
        // A browser that takes itself for offline may still reach a stack on the same machine.
        networkMode: 'always',
        refetchOnReconnect: true,
        staleTime: STALE_MS,
        // A dropped connection deserves a second try. A transport that says it is down has used
        // up its deadline: saying so at once beats waiting for it a second time.
        retry: (failures, error) => failures < 1 && error instanceof ApiError && error.status === 0,
        retryDelay: 400,
      },
      mutations: { networkMode: 'always' },
    },
  });
  limitImageCache(client);
  followTransport(client);
  followSession(client);
  uploads.onStored = (picture, file) => addToCache(client, picture, file);
  uploads.onOutcomeUnknown = () => void client.invalidateQueries({ queryKey: keys.list });
  return client;
}

/** A changed transport is tried at once: what is on screen is fetched over it. */
function followTransport(client: QueryClient): void {
  transportStore.subscribe(() => {
    void refetch(client, keys.list);
    void refetch(client, keys.analytics);
    // Pictures' bytes never change; only those that failed to come are asked for again.
    void client.refetchQueries({
      queryKey: keys.images,
      type: 'active',
      predicate: (query) => query.state.status === 'error',
    });
  });
}

/** Also where the first answer is still awaited, over the transport of before. */
async function refetch(client: QueryClient, queryKey: readonly string[]): Promise<void> {
  await client.cancelQueries({ queryKey, predicate: ({ state }) => state.data === undefined });
  await client.invalidateQueries({ queryKey });
}

/** Nothing of one person's is left in memory for the next. */
function followSession(client: QueryClient): void {
  let lastUser = sessionStore.get().session?.username;
  sessionStore.subscribe(() => {
    const { session, reason } = sessionStore.get();
    if (session === null) {
      client.clear();
      forgetCalls();
      if (reason === 'logged-out') uploads.clear();
      return;
    }
    // After an expiry the same person goes on with the uploads that were cut off.
    if (lastUser !== session.username) uploads.clear();
    lastUser = session.username;
  });
}

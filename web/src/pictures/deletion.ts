import type { QueryClient } from '@tanstack/react-query';
import { describeError } from '../api/errors';
import { createStore } from '../lib/store';
import { notify, type ShownNotice } from '../ui/notices';
import { deleteForGood } from './queries';

/*
 * Deleting hides pictures at once. The service is called when the notice with "Undo" ends, because
 * it can't bring a picture back.
 */

/** The pictures that are hidden because they are being deleted. */
export const hiddenStore = createStore<ReadonlySet<string>>(new Set());

const pending = new Set<ShownNotice>();
/** Changes with each session: a user must not see what became of another one's pictures. */
let sessions = 0;
const running = new Set<Promise<void>>();

/** Deletes at most this many pictures at the same time. */
const CONCURRENT = 4;

function hide(ids: readonly string[], hidden: boolean): void {
  const next = new Set(hiddenStore.get());
  for (const id of ids) {
    if (hidden) next.add(id);
    else next.delete(id);
  }
  hiddenStore.set(next);
}

interface Doomed {
  readonly id: string;
  readonly title: string;
}

/** Hides pictures, offers to undo it, and deletes them when the offer ends. */
export function deletePictures(client: QueryClient, pictures: readonly Doomed[]): void {
  const ids = pictures.map(({ id }) => id);
  if (ids.length === 0) return;
  hide(ids, true);
  const started = sessions;
  const what =
    pictures.length === 1
      ? `“${pictures[0]?.title ?? ''}” was deleted.`
      : `${pictures.length} pictures were deleted.`;
  const shown = notify(what, {
    onUndo: () => {
      pending.delete(shown);
      hide(ids, false);
    },
    onEnd: () => {
      pending.delete(shown);
      if (started !== sessions) return;
      const run = deleteAll(client, pictures).finally(() => running.delete(run));
      running.add(run);
    },
  });
  pending.add(shown);
}

async function deleteAll(client: QueryClient, pictures: readonly Doomed[]): Promise<void> {
  const started = sessions;
  const left = [...pictures];
  const failed: { picture: Doomed; error: unknown }[] = [];
  const work = async () => {
    for (let picture = left.shift(); picture !== undefined; picture = left.shift()) {
      try {
        await deleteForGood(client, picture.id);
      } catch (error) {
        failed.push({ picture, error });
      }
    }
  };
  await Promise.all(Array.from({ length: CONCURRENT }, work));
  if (started !== sessions) return;
  hide(
    pictures.map(({ id }) => id),
    false,
  );
  const [first] = failed;
  if (first === undefined) return;
  const what =
    failed.length === 1
      ? `“${first.picture.title}” wasn’t deleted.`
      : `${failed.length} of ${pictures.length} pictures weren’t deleted.`;
  notify(`${what} ${describeError(first.error)}`, { severity: 'error' });
}

/**
 * Ends all offers to undo now: the page is left, or the session ends. Resolves when the service has
 * answered.
 */
export async function deletePendingNow(): Promise<void> {
  for (const shown of [...pending]) shown.end();
  await Promise.all(running);
}

/** Withdraws all offers to undo without deleting: the session has ended. */
export function forgetDeletions(): void {
  sessions += 1;
  for (const shown of [...pending]) shown.end();
  hiddenStore.set(new Set());
}

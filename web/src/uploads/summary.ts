import type { Upload, UploadState } from './upload';

export type Counts = Readonly<Record<UploadState['kind'], number>>;

export function countStates(uploads: readonly Upload[]): Counts {
  const counts = {
    checking: 0,
    refused: 0,
    duplicate: 0,
    waiting: 0,
    sending: 0,
    stored: 0,
    failed: 0,
    cancelled: 0,
  };
  for (const { state } of uploads) counts[state.kind] += 1;
  return counts;
}

const pictures = (count: number) => `${count} ${count === 1 ? 'picture' : 'pictures'}`;

/** The tray's title. */
export function headline(counts: Counts, paused: boolean): string {
  const active = counts.waiting + counts.sending;
  if (active > 0)
    return paused ? `Paused: ${pictures(active)} left` : `Uploading ${pictures(active)}`;
  if (counts.checking > 0) return 'Checking files';
  return outcome(counts);
}

/**
 * What screen readers hear: the start, each quarter, the end, and what keeps uploads waiting. The
 * text changes only then.
 */
export function milestone(counts: Counts, paused: boolean, offline: boolean): string {
  const active = counts.waiting + counts.sending;
  if (active === 0) return counts.checking > 0 ? '' : outcome(counts);
  if (paused) return 'Uploads paused.';
  if (offline) return 'Uploads are waiting for a connection.';
  const total = active + counts.stored + counts.failed;
  const quarters = Math.floor((4 * (total - active)) / total);
  return quarters === 0 ? 'Uploading.' : `Uploading, ${quarters * 25} % done.`;
}

function outcome(counts: Counts): string {
  const parts: readonly [number, string][] = [
    [counts.stored, 'uploaded'],
    [counts.failed, 'failed'],
    [counts.refused, 'refused'],
    [counts.duplicate, counts.duplicate === 1 ? 'duplicate' : 'duplicates'],
    [counts.cancelled, 'cancelled'],
  ];
  return parts
    .filter(([count]) => count > 0)
    .map(([count, what]) => `${count} ${what}`)
    .join(', ');
}

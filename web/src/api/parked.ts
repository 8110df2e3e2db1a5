/** Where the session waits from one page of this tab to the next (see `session.ts`). */
export const PARKED = 'trichrome.parked';

/** Whether there is one that waits. */
export function isParked(): boolean {
  try {
    return sessionStorage.getItem(PARKED) !== null;
  } catch {
    return false; // Storage is off: nobody stays logged in.
  }
}

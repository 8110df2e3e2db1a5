import { createStore } from '../store';
import type { Severity } from './Alert';

export interface Notice {
  readonly key: number;
  readonly text: string;
  readonly severity: Severity;
}

/** The message shown at the moment. */
export const noticeStore = createStore<Notice | null>(null);
let nextKey = 1;

/** Shows a short message at the foot of the page, and has it read out. */
export function notify(text: string, severity: Severity = 'success'): void {
  noticeStore.set({ key: nextKey++, text, severity });
}

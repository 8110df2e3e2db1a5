import { createStore } from '../store';
import type { Severity } from './Alert';

export interface Notice {
  readonly key: number;
  readonly text: string;
  readonly severity: Severity;
}

/** The notice currently shown. */
export const noticeStore = createStore<Notice | null>(null);
let nextKey = 1;

/** Shows a short message at the bottom of the page and announces it to screen readers. */
export function notify(text: string, severity: Severity = 'success'): void {
  noticeStore.set({ key: nextKey++, text, severity });
}

import { createStore } from '../lib/store';
import type { Severity } from './Alert';

export interface Notice {
  readonly text: string;
  readonly severity: Severity;
  /** How long it is shown, in milliseconds. The timer pauses while it is hovered or focused. */
  readonly shownMs?: number;
  /** Offers to take back what the notice reports. */
  readonly onUndo?: () => void;
  /** Called when the notice ends without having been undone. */
  readonly onEnd?: () => void;
}

/** A handle to a notice that has been shown. */
export interface ShownNotice {
  /** Ends the notice now, as if its time had run out. */
  readonly end: () => void;
}

const SHOWN_MS = 5_000;
/** Errors take longer to read, and undoing takes a decision. */
const LONG_SHOWN_MS = 10_000;

type Show = (notice: Notice & { readonly shownMs: number }) => () => void;

/** Whether the toaster's code is needed. It is loaded with the first notice or when idle. */
export const toasterStore = createStore(false);

let show: Show | undefined;
let waiting: (() => void)[] = [];

/** Shows a message at the bottom of the page and announces it to screen readers. */
export function notify(text: string, options: Partial<Omit<Notice, 'text'>> = {}): ShownNotice {
  const severity = options.severity ?? 'success';
  const long = severity === 'error' || options.onUndo !== undefined;
  const notice = { shownMs: long ? LONG_SHOWN_MS : SHOWN_MS, ...options, severity, text };
  let close: (() => void) | undefined;
  let ended = false;
  const start = () => {
    if (!ended) close = show?.(notice);
  };
  if (show === undefined) waiting.push(start);
  else start();
  toasterStore.set(true);
  return {
    end: () => {
      if (close !== undefined) close();
      else if (!ended) options.onEnd?.();
      ended = true;
    },
  };
}

/** Connects the component that shows the notices; returns a function that disconnects it. */
export function connectToaster(shower: Show): () => void {
  show = shower;
  for (const start of waiting.splice(0)) start();
  return () => {
    show = undefined;
    waiting = [];
  };
}

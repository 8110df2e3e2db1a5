import { type ReactNode, useEffect } from 'react';
import { replayLastClick } from './earlyClicks';

/** Replays the captured click once its children are interactive. */
export function ReplayClicks({ children }: { readonly children: ReactNode }) {
  useEffect(replayLastClick, []);
  return children;
}

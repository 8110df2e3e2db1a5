import { type ReactNode, useEffect } from 'react';
import { replayLastClick } from './earlyClicks';

/** Tells when what is within it answers to clicks. */
export function ReplayClicks({ children }: { readonly children: ReactNode }) {
  useEffect(replayLastClick, []);
  return children;
}

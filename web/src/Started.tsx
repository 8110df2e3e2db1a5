import { type ReactNode, useEffect } from 'react';
import { handOverClicks } from './earlyClicks';

/** Tells when what is within it answers to clicks. */
export function Started({ children }: { readonly children: ReactNode }) {
  useEffect(handOverClicks, []);
  return children;
}

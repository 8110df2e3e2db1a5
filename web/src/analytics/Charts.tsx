import { useMemo } from 'react';
import type { Totals } from '../api/types';
import { Figure } from './Figure';
import { figuresOf } from './figures';

/** The totals as charts. */
export function Charts({ totals }: { readonly totals: Totals }) {
  const figures = useMemo(() => figuresOf(totals), [totals]);
  return (
    <div className="charts">
      {figures.map((figure) => (
        <Figure key={figure.title} {...figure} />
      ))}
    </div>
  );
}

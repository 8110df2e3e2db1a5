import { useMemo } from 'react';
import type { Totals } from '../api/types';
import { Figure } from './Figure';
import { figuresOf } from './figures';

/** The totals, drawn; every chart also says its figures in a table for screen readers. */
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

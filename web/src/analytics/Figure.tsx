import { useState } from 'react';
import { useInView } from '../ui/useInView';
import { DrawnChart } from './charts/DrawnChart';
import type { FigureData } from './figures';

/** A chart with a title, and its values as a table for screen readers. */
export function Figure({ title, note, columns, rows, drawing }: FigureData) {
  // Drawing is slow on phones, so a chart is drawn once it comes near the viewport.
  const [ref, near] = useInView('100px 0px');
  const [drawn, setDrawn] = useState(near);
  if (near && !drawn) setDrawn(true);
  return (
    <figure className="card figure">
      <figcaption>
        <h2 className="h2">{title}</h2>
        {note !== undefined && <span className="caption quiet">{note}</span>}
      </figcaption>
      <div ref={ref} aria-hidden="true" className="chart-area">
        {drawn && <DrawnChart drawing={drawing} />}
      </div>
      <div className="visually-hidden">
        <table>
          <caption>{title}</caption>
          <thead>
            <tr>
              {columns.map((column) => (
                <th key={column} scope="col">
                  {column}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {rows.map((row, line) => (
              <tr key={line}>
                {row.map((cell, index) => (
                  <td key={columns[index]}>{cell}</td>
                ))}
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </figure>
  );
}

import { memo } from 'react';
import type { Order } from '../api/queryKeys';
import { formatDay } from '../pictures/dates';
import { type Box } from './layout';
import { Tile, type TileActions } from './Tile';
import styles from './timeline.module.css';
import type { Section } from './useSections';

interface MonthProps extends TileActions {
  readonly section: Section;
  readonly order: Order;
  /** The part of the section to render, in pixels from its top. */
  readonly from: number;
  readonly to: number;
  readonly selected: ReadonlySet<string> | ReadonlyMap<string, unknown>;
  /** The picture that is the grid's tab stop. It stays mounted, so that it can't lose the focus. */
  readonly active: string | undefined;
}

/** The days of a month, as far as they are near the viewport. */
export const Month = memo(function Month({
  section,
  order,
  from,
  to,
  selected,
  active,
  ...actions
}: MonthProps) {
  const { month, before, top, height, layout } = section;
  const near = ({ top, height, entry }: Box) =>
    (top < to && top + height > from) || entry.id === active;
  let position = before;
  return (
    <div role="presentation" className={styles.month} style={{ top, height }}>
      {layout === undefined && <Skeleton />}
      {layout?.days.map(({ day, top, left, width, boxes }) => {
        const first = position;
        position += boxes.length;
        const shown = boxes.some(near);
        const last = boxes.at(-1);
        if (!shown || last === undefined) return null;
        const id = `day-${order}-${month}-${day}`;
        return (
          <div key={day} role="rowgroup" aria-labelledby={id}>
            <div role="row" className={styles.heading} style={{ top, left, width }}>
              <div role="rowheader" id={id}>
                <h2>{formatDay(day)}</h2>
              </div>
            </div>
            {boxes.map(
              (box, index) =>
                near(box) && (
                  <Tile
                    key={box.entry.id}
                    box={box}
                    position={first + index + 1}
                    label={`${box.entry.title}, ${formatDay(day)}`}
                    selected={selected.has(box.entry.id)}
                    selecting={selected.size > 0}
                    tabStop={box.entry.id === active}
                    {...actions}
                  />
                ),
            )}
          </div>
        );
      })}
    </div>
  );
});

/** Rows in the rhythm of the timeline, until a month's pictures are known. */
function Skeleton() {
  return <div className={styles.pattern} aria-hidden="true" />;
}

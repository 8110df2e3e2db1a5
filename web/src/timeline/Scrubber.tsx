import { memo, type PointerEvent, useState } from 'react';
import { formatCount } from '../lib/format';
import { formatMonth } from '../pictures/dates';
import styles from './timeline.module.css';
import type { Section } from './useSections';

interface ScrubberProps {
  readonly sections: readonly Section[];
  /** The height of the whole timeline in pixels. */
  readonly height: number;
  readonly onJump: (month: string) => void;
}

/** Fewer pictures need no map. */
const MIN_MONTHS = 3;

/**
 * A map of the timeline on its right edge: years in proportion, the month under the pointer, and the
 * place that is on screen. Keyboards and screen readers use "Jump to month" instead.
 */
export const Scrubber = memo(function Scrubber({ sections, height, onJump }: ScrubberProps) {
  const [hover, setHover] = useState<{ readonly share: number; readonly section: Section }>();
  if (sections.length < MIN_MONTHS) return null;

  const at = (event: PointerEvent) => {
    const { top, height: length } = event.currentTarget.getBoundingClientRect();
    const share = Math.min(1, Math.max(0, (event.clientY - top) / length));
    const section = sections.find((one) => one.top + one.height >= share * height);
    return section && { share, section };
  };
  const follow = (event: PointerEvent) => {
    const place = at(event);
    setHover(place);
    if (place !== undefined && event.buttons > 0) onJump(place.section.month);
  };
  const years = sections.filter(
    ({ month }, index) => sections[index - 1]?.month.slice(0, 4) !== month.slice(0, 4),
  );
  return (
    <div
      className={styles.scrubber}
      aria-hidden="true"
      onPointerDown={(event) => {
        event.currentTarget.setPointerCapture(event.pointerId);
        follow(event);
      }}
      onPointerMove={follow}
      onPointerLeave={() => setHover(undefined)}
    >
      {years.map(({ month, top }) => (
        <span key={month} className={styles.year} style={{ top: `${(top / height) * 100}%` }}>
          {month.slice(0, 4)}
        </span>
      ))}
      {sections.map(({ month, top }) => (
        <span key={month} className={styles.tick} style={{ top: `${(top / height) * 100}%` }} />
      ))}
      {hover !== undefined && (
        <span className={styles.bubble} style={{ top: `${hover.share * 100}%` }}>
          {formatMonth(hover.section.month)} · {formatCount(hover.section.count)}
        </span>
      )}
    </div>
  );
});

import { useEffect, useRef } from 'react';
import type { Order } from '../api/queryKeys';
import { formatCount } from '../lib/format';
import { formatMonth } from '../pictures/dates';
import { chooseOrder } from '../pictures/order';
import { IconButton } from '../ui/IconButton';
import { HelpIcon, SearchIcon } from '../ui/icons';
import styles from './timeline.module.css';
import type { Section } from './useSections';

interface ToolbarProps {
  readonly order: Order;
  readonly sections: readonly Section[];
  readonly search: string;
  readonly onSearch: (text: string) => void;
  readonly onJump: (month: string) => void;
  readonly onHelp: () => void;
}

/** Search, order and "jump to month". */
export function Toolbar({ order, sections, search, onSearch, onJump, onHelp }: ToolbarProps) {
  const field = useRef<HTMLInputElement>(null);
  useEffect(() => {
    const onKey = (event: KeyboardEvent) => {
      const typing =
        event.target instanceof Element && event.target.closest('input, select, textarea');
      if (event.key !== '/' || typing || event.ctrlKey || event.metaKey || event.altKey) return;
      event.preventDefault();
      field.current?.focus();
    };
    addEventListener('keydown', onKey);
    return () => removeEventListener('keydown', onKey);
  }, []);
  return (
    <div className={styles.toolbar} role="search">
      <label className={styles.search}>
        <SearchIcon size={18} />
        <input
          ref={field}
          type="search"
          placeholder="Search titles"
          aria-label="Search titles"
          value={search}
          onChange={(event) => onSearch(event.target.value)}
          onKeyDown={(event) => {
            if (event.key === 'Escape') onSearch('');
          }}
        />
      </label>
      <nav aria-label="Jump to month" className={styles.jump}>
        <select
          aria-label="Jump to month"
          value=""
          onChange={(event) => onJump(event.target.value)}
        >
          <option value="" hidden>
            Jump to…
          </option>
          {sections.map(({ month, count }) => (
            <option key={month} value={month}>
              {formatMonth(month)} ({formatCount(count)})
            </option>
          ))}
        </select>
      </nav>
      <select
        aria-label="Order"
        value={order}
        className={styles.order}
        onChange={(event) => chooseOrder(event.target.value === 'created' ? 'created' : 'taken')}
      >
        <option value="taken">Date taken</option>
        <option value="created">Date uploaded</option>
      </select>
      <IconButton className={styles.help} label="Keyboard shortcuts" onClick={onHelp}>
        <HelpIcon />
      </IconButton>
    </div>
  );
}

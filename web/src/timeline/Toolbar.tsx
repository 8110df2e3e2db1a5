import type { Ref } from 'react';
import type { Order } from '../api/queryKeys';
import { formatCount } from '../lib/format';
import { formatMonth } from '../pictures/dates';
import { chooseOrder } from '../pictures/order';
import { IconButton } from '../ui/IconButton';
import { CalendarIcon, HelpIcon, SearchIcon, SortIcon } from '../ui/icons';
import styles from './timeline.module.css';
import type { Section } from './useSections';

interface ToolbarProps {
  readonly order: Order;
  readonly sections: readonly Section[];
  readonly search: string;
  readonly searchField: Ref<HTMLInputElement>;
  readonly onSearch: (text: string) => void;
  readonly onJump: (month: string) => void;
  readonly onHelp: () => void;
}

/** Search, order and "jump to month". */
export function Toolbar({
  order,
  sections,
  search,
  searchField,
  onSearch,
  onJump,
  onHelp,
}: ToolbarProps) {
  return (
    <div className={styles.toolbar} role="search">
      <label className={styles.search}>
        <SearchIcon size={18} />
        <input
          ref={searchField}
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
      <nav aria-label="Jump to month" className={styles.pick}>
        <CalendarIcon />
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
      <div className={styles.pick}>
        <SortIcon />
        <select
          aria-label="Order"
          value={order}
          onChange={(event) => chooseOrder(event.target.value === 'created' ? 'created' : 'taken')}
        >
          <option value="taken">Date taken</option>
          <option value="created">Date uploaded</option>
        </select>
      </div>
      <IconButton className={styles.help} label="Keyboard shortcuts" onClick={onHelp}>
        <HelpIcon />
      </IconButton>
    </div>
  );
}

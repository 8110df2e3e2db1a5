import { type KeyboardEvent, type ReactNode, useState } from 'react';
import { cx } from '../lib/cx';
import styles from './ToggleGroup.module.css';

interface ToggleGroupProps<T extends string> {
  readonly label: string;
  readonly options: readonly {
    readonly value: T;
    /** The accessible name, if the content has none. */
    readonly label?: string;
    readonly content: ReactNode;
  }[];
  readonly value: T;
  readonly onChange: (value: T) => void;
  /** Whether the group fills the width of its container. */
  readonly full?: boolean;
}

const STEPS: Readonly<Record<string, number>> = {
  ArrowRight: 1,
  ArrowDown: 1,
  ArrowLeft: -1,
  ArrowUp: -1,
};

/** Chooses one of a few options. The group is one tab stop; arrow keys move within it. */
export function ToggleGroup<T extends string>({
  label,
  options,
  value,
  onChange,
  full = false,
}: ToggleGroupProps<T>) {
  const chosen = options.findIndex((option) => option.value === value);
  const [focused, setFocused] = useState<number>();
  const tabStop = focused ?? Math.max(0, chosen);

  const moveFocus = (event: KeyboardEvent<HTMLElement>) => {
    const step = STEPS[event.key];
    if (step === undefined) return;
    event.preventDefault();
    const next = (tabStop + step + options.length) % options.length;
    setFocused(next);
    event.currentTarget.querySelectorAll('button')[next]?.focus();
  };

  return (
    // eslint-disable-next-line jsx-a11y/no-noninteractive-element-interactions -- its buttons take the focus
    <div
      role="group"
      aria-label={label}
      className={cx(styles.group, full && styles.full)}
      onKeyDown={moveFocus}
      onBlur={(event) => {
        if (!event.currentTarget.contains(event.relatedTarget)) setFocused(undefined);
      }}
    >
      {options.map((option, index) => (
        <button
          key={option.value}
          type="button"
          aria-pressed={option.value === value}
          aria-label={option.label}
          tabIndex={index === tabStop ? 0 : -1}
          // Clicking the chosen option keeps it chosen.
          onClick={() => onChange(option.value)}
        >
          {option.content}
        </button>
      ))}
    </div>
  );
}

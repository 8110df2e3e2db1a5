import { type KeyboardEvent, type ReactNode, useState } from 'react';

interface ToggleGroupProps<T extends string> {
  readonly label: string;
  readonly options: readonly {
    readonly value: T;
    /** Where the content says nothing to a screen reader. */
    readonly label?: string;
    readonly content: ReactNode;
  }[];
  /** None while it isn't known yet. */
  readonly value: T | undefined;
  readonly onChange: (value: T) => void;
  /** Whether it is as wide as what is around it. */
  readonly full?: boolean;
}

const STEPS: Readonly<Record<string, number>> = {
  ArrowRight: 1,
  ArrowDown: 1,
  ArrowLeft: -1,
  ArrowUp: -1,
};

/** One of a few; a single stop for the Tab key, with the arrow keys to walk within. */
export function ToggleGroup<T extends string>({
  label,
  options,
  value,
  onChange,
  full = false,
}: ToggleGroupProps<T>) {
  const chosen = options.findIndex((option) => option.value === value);
  const [walked, setWalked] = useState<number>();
  const stop = walked ?? Math.max(0, chosen);

  const walk = (event: KeyboardEvent<HTMLElement>) => {
    const step = STEPS[event.key];
    if (step === undefined) return;
    event.preventDefault();
    const next = (stop + step + options.length) % options.length;
    setWalked(next);
    event.currentTarget.querySelectorAll('button')[next]?.focus();
  };

  return (
    // eslint-disable-next-line jsx-a11y/no-noninteractive-element-interactions -- its buttons take the focus
    <div
      role="group"
      aria-label={label}
      className={full ? 'toggle-group full' : 'toggle-group'}
      onKeyDown={walk}
      onBlur={(event) => {
        if (!event.currentTarget.contains(event.relatedTarget)) setWalked(undefined);
      }}
    >
      {options.map((option, index) => (
        <button
          key={option.value}
          type="button"
          aria-pressed={option.value === value}
          aria-label={option.label}
          tabIndex={index === stop ? 0 : -1}
          // One is always chosen: a click on it does not switch it off.
          onClick={() => onChange(option.value)}
        >
          {option.content}
        </button>
      ))}
    </div>
  );
}

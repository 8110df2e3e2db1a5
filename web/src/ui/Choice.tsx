import styles from './TextField.module.css';
import { cx } from '../lib/cx';
import { DownIcon } from './icons';

interface ChoiceProps<T extends string> {
  readonly id: string;
  readonly label: string;
  readonly value: T;
  readonly options: readonly (readonly [value: T, label: string])[];
  readonly onChange: (value: T) => void;
}

/** A field that chooses one of several options. */
export function Choice<T extends string>({ id, label, value, options, onChange }: ChoiceProps<T>) {
  const known = options.some(([option]) => option === value);
  return (
    <div className={cx(styles.field, styles.small)}>
      <label htmlFor={id}>{label}</label>
      <div className={styles.box}>
        <select id={id} value={value} onChange={(event) => onChange(event.target.value as T)}>
          {/* An unknown value, for example from the URL, is shown as no choice. */}
          {!known && <option value={value} hidden />}
          {options.map(([option, text]) => (
            <option key={option} value={option}>
              {text}
            </option>
          ))}
        </select>
        <DownIcon />
      </div>
    </div>
  );
}

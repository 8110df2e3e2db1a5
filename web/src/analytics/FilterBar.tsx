import { TRANSPORT_LABELS, TRANSPORTS } from '../transports';
import { DownIcon } from '../ui/icons';
import { type Filters, type Range, RANGES, toQuery } from './filters';
import { useTotals } from './queries';

interface FilterBarProps {
  readonly filters: Filters;
  /** The moment that "the last hour" is counted from. */
  readonly now: number;
  readonly onChange: (filters: Filters) => void;
}

export function FilterBar({ filters, now, onChange }: FilterBarProps) {
  // Which operations there are is asked of the service: the app has no list. It is the page's own
  // question, unless one operation is chosen already.
  const any = useTotals(toQuery({ ...filters, operation: '' }, now));
  const operations = new Set(any.data?.by_operation.map(({ name }) => name));
  if (filters.operation !== '') operations.add(filters.operation);
  return (
    <div role="group" aria-label="Filters" className="filters">
      <Choice
        label="Time"
        value={filters.range}
        options={Object.entries(RANGES).map(([value, { label }]) => [value, label])}
        onChange={(range) => onChange({ ...filters, range: range as Range })}
      />
      <Choice
        label="Transport"
        value={filters.transport}
        options={[['', 'All'], ...TRANSPORTS.map((t) => [t, TRANSPORT_LABELS[t]] as const)]}
        onChange={(transport) => onChange({ ...filters, transport })}
      />
      <Choice
        label="Operation"
        value={filters.operation}
        options={[['', 'All'], ...[...operations].sort().map((name) => [name, name] as const)]}
        onChange={(operation) => onChange({ ...filters, operation })}
      />
      <Choice
        label="Outcome"
        value={filters.outcome}
        options={[
          ['', 'All'],
          ['errors', 'Errors only'],
        ]}
        onChange={(outcome) =>
          onChange({ ...filters, outcome: outcome === 'errors' ? outcome : '' })
        }
      />
    </div>
  );
}

interface ChoiceProps {
  readonly label: string;
  readonly value: string;
  readonly options: readonly (readonly [value: string, label: string])[];
  readonly onChange: (value: string) => void;
}

function Choice({ label, value, options, onChange }: ChoiceProps) {
  const id = `filter-${label.toLowerCase()}`;
  const known = options.some(([option]) => option === value);
  return (
    <div className="field size-small">
      <label htmlFor={id}>{label}</label>
      <div className="field-box">
        <select id={id} value={value} onChange={(event) => onChange(event.target.value)}>
          {/* An unknown value in the address shows as no choice rather than as a wrong one. */}
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

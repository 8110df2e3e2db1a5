import { TRANSPORT_LABELS, TRANSPORTS } from '../lib/transports';
import { Choice } from '../ui/Choice';
import { type Filters, type Range, RANGES, toQuery } from './filters';
import { useTotals } from './queries';

interface FilterBarProps {
  readonly filters: Filters;
  /** The moment from which time ranges count back. */
  readonly now: number;
  readonly onChange: (filters: Filters) => void;
}

export function FilterBar({ filters, now, onChange }: FilterBarProps) {
  // The options come from the service because the app has no list of operations. Without an
  // operation filter, this is the same query as the page's.
  const any = useTotals(toQuery({ ...filters, operation: '' }, now));
  const operations = new Set(any.data?.by_operation.map(({ name }) => name));
  if (filters.operation !== '') operations.add(filters.operation);
  return (
    <div role="group" aria-label="Filters" className="filters">
      <Filter
        label="Time"
        value={filters.range}
        options={Object.entries(RANGES).map(([value, { label }]) => [value, label])}
        onChange={(range) => onChange({ ...filters, range: range as Range })}
      />
      <Filter
        label="Transport"
        value={filters.transport}
        options={[['', 'All'], ...TRANSPORTS.map((t) => [t, TRANSPORT_LABELS[t]] as const)]}
        onChange={(transport) => onChange({ ...filters, transport })}
      />
      <Filter
        label="Operation"
        value={filters.operation}
        options={[['', 'All'], ...[...operations].sort().map((name) => [name, name] as const)]}
        onChange={(operation) => onChange({ ...filters, operation })}
      />
      <Filter
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

interface FilterProps {
  readonly label: string;
  readonly value: string;
  readonly options: readonly (readonly [value: string, label: string])[];
  readonly onChange: (value: string) => void;
}

function Filter(props: FilterProps) {
  return <Choice id={`filter-${props.label.toLowerCase()}`} {...props} />;
}

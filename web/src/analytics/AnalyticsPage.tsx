import { useQueryClient } from '@tanstack/react-query';
import { type ReactNode, useDeferredValue, useEffect, useState } from 'react';
import { useSearchParams } from 'react-router';
import type { Totals } from '../api/types';
import { formatCount, formatMs, formatShare } from '../lib/format';
import { keys } from '../api/queryKeys';
import { Button } from '../ui/Button';
import { AnalyticsIcon, RetryIcon } from '../ui/icons';
import { Empty } from '../ui/states';
import { Failure } from '../transports/Failure';
import { useDocumentTitle } from '../ui/useDocumentTitle';
import { CallsTable } from './CallsTable';
import { loadLibrary } from './charts/loadLibrary';
import { Charts } from './Charts';
import { FilterBar } from './FilterBar';
import { type Filters, readFilters, toQuery, writeFilters } from './filters';
import { useTotals } from './queries';

export function AnalyticsPage() {
  useDocumentTitle('Analytics');
  // The charts need the library once the totals have loaded, but the page must render first.
  useEffect(() => void loadLibrary(), []);
  const [params, setParams] = useSearchParams();
  const client = useQueryClient();
  // Time ranges count back from a fixed moment, so that paging stays consistent.
  const [now, setNow] = useState(() => Date.now());
  const filters = readFilters(params);
  const query = toQuery(filters, now);
  const totals = useTotals(query);
  // Deferred, so that rendering the charts doesn't block input.
  const shown = useDeferredValue(totals.data);

  const change = (next: Filters) => {
    setNow(Date.now());
    setParams(writeFilters(next), { replace: true });
  };
  const refresh = () => {
    setNow(Date.now());
    void client.invalidateQueries({ queryKey: keys.analytics });
  };

  return (
    <>
      <div className="page-head">
        <h1 className="h1">Analytics</h1>
        <Button
          variant="outlined"
          startIcon={<RetryIcon size={18} />}
          onClick={refresh}
          loading={totals.isFetching}
        >
          Refresh
        </Button>
      </div>
      <FilterBar filters={filters} now={now} onChange={change} />
      {totals.isError && (
        <Failure title="Couldn’t load the totals" error={totals.error} onRetry={refresh} />
      )}
      {shown === undefined && !totals.isError && <TotalsSkeleton />}
      {shown && (shown.calls === 0 ? <NoCalls /> : <Overview totals={shown} />)}
      <CallsTable
        key={JSON.stringify(query)}
        filters={query}
        hidden={totals.isError || shown?.calls === 0}
      />
    </>
  );
}

function NoCalls() {
  return (
    <Empty icon={<AnalyticsIcon size={30} />} title="No calls found">
      No calls match these filters. New calls take a moment to appear.
    </Empty>
  );
}

function Overview({ totals }: { readonly totals: Totals }) {
  return (
    <>
      <h2 className="h2 totals-title">Everyone’s calls</h2>
      <Tiles>
        <Tile label="Calls" value={formatCount(totals.calls)} />
        <Tile
          label="Errors"
          value={formatShare(totals.errors, totals.calls)}
          note={`${formatCount(totals.errors)} of ${formatCount(totals.calls)}`}
        />
        <Tile label="Median" value={formatMs(totals.p50_ms)} note="half are faster" />
        <Tile label="95th percentile" value={formatMs(totals.p95_ms)} note="95% are faster" />
      </Tiles>
      <Charts totals={totals} />
    </>
  );
}

function Tiles({ children }: { readonly children: ReactNode }) {
  return <dl className="totals">{children}</dl>;
}

interface TileProps {
  readonly label: string;
  readonly value: string;
  readonly note?: string;
}

function Tile({ label, value, note }: TileProps) {
  return (
    <div className="card total">
      <dt className="small quiet">{label}</dt>
      <dd className="total-value figures">{value}</dd>
      {note !== undefined && <dd className="caption quiet">{note}</dd>}
    </div>
  );
}

function TotalsSkeleton() {
  return (
    <div role="status" aria-label="Loading the totals">
      <div className="totals">{skeletons}</div>
      <div className="charts">{skeletons}</div>
    </div>
  );
}

const skeletons = Array.from({ length: 4 }, (_, index) => (
  <span key={index} className="skeleton" />
));

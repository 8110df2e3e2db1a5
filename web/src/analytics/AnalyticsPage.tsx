import Box from '@mui/material/Box';
import Button from '@mui/material/Button';
import Skeleton from '@mui/material/Skeleton';
import Stack from '@mui/material/Stack';
import Typography from '@mui/material/Typography';
import { useQueryClient } from '@tanstack/react-query';
import { lazy, Suspense, useDeferredValue, useEffect, useState } from 'react';
import { useSearchParams } from 'react-router';
import type { Totals } from '../api/types';
import { formatCount, formatMs, formatShare } from '../format';
import { keys } from '../queryKeys';
import { AnalyticsIcon, RetryIcon } from '../ui/icons';
import { Empty, Failure } from '../ui/states';
import { useDocumentTitle } from '../ui/useDocumentTitle';
import { CallsTable } from './CallsTable';
import { FilterBar } from './FilterBar';
import { type Filters, readFilters, toQuery, writeFilters } from './filters';
import { useTotals } from './queries';
import { RADIUS } from '../theme';

// The charts are the heaviest part of the app, and only this page has any.
const loadCharts = () => import('./Charts');
const Charts = lazy(() => loadCharts().then((module) => ({ default: module.Charts })));

export function AnalyticsPage() {
  useDocumentTitle('Analytics');
  // They are needed as soon as the totals are there, but not before the page itself.
  useEffect(() => void loadCharts(), []);
  const [params, setParams] = useSearchParams();
  const client = useQueryClient();
  // "The last hour" is counted from when it was asked for, so that pages stay pages of one list.
  const [now, setNow] = useState(() => Date.now());
  const filters = readFilters(params);
  const query = toQuery(filters, now);
  const totals = useTotals(query);
  // Deferred: the charts are drawn in slices between what the person does.
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
      <Stack direction="row" sx={{ alignItems: 'center', justifyContent: 'space-between', mb: 3 }}>
        <Typography variant="h1">Analytics</Typography>
        <Button
          variant="outlined"
          startIcon={<RetryIcon />}
          onClick={refresh}
          loading={totals.isFetching}
          loadingPosition="start"
        >
          Refresh
        </Button>
      </Stack>
      <FilterBar filters={filters} now={now} onChange={change} />
      {totals.isError && (
        <Failure title="The totals can’t be shown" error={totals.error} onRetry={refresh} />
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
    <Empty icon={<AnalyticsIcon />} title="No calls here">
      Nothing was called in this time with these filters. A call takes a moment to arrive.
    </Empty>
  );
}

function Overview({ totals }: { readonly totals: Totals }) {
  return (
    <>
      <Tiles>
        <Tile label="Calls" value={formatCount(totals.calls)} />
        <Tile
          label="Errors"
          value={formatShare(totals.errors, totals.calls)}
          note={`${formatCount(totals.errors)} of ${formatCount(totals.calls)}`}
        />
        <Tile label="Median" value={formatMs(totals.p50_ms)} note="half are faster" />
        <Tile label="95th percentile" value={formatMs(totals.p95_ms)} note="19 of 20 are faster" />
      </Tiles>
      <Suspense fallback={<ChartsSkeleton />}>
        <Charts totals={totals} />
      </Suspense>
    </>
  );
}

function Tiles({ children }: { readonly children: React.ReactNode }) {
  return (
    <Box
      component="dl"
      sx={{
        display: 'grid',
        gridTemplateColumns: { xs: '1fr 1fr', md: 'repeat(4, 1fr)' },
        gap: 2,
        m: 0,
        mb: 2,
      }}
    >
      {children}
    </Box>
  );
}

interface TileProps {
  readonly label: string;
  readonly value: string;
  readonly note?: string;
}

function Tile({ label, value, note }: TileProps) {
  return (
    <Box
      sx={{
        p: 2,
        border: 1,
        borderColor: 'divider',
        borderRadius: RADIUS.card,
        bgcolor: 'background.paper',
      }}
    >
      <Typography component="dt" variant="body2" color="textSecondary">
        {label}
      </Typography>
      <Typography
        component="dd"
        sx={{
          m: 0,
          mt: 0.5,
          fontSize: '1.5rem',
          fontWeight: 620,
          letterSpacing: '-0.02em',
          fontVariantNumeric: 'tabular-nums',
        }}
      >
        {value}
      </Typography>
      {note !== undefined && (
        <Typography component="dd" variant="caption" color="textSecondary" sx={{ m: 0 }}>
          {note}
        </Typography>
      )}
    </Box>
  );
}

function TotalsSkeleton() {
  return (
    <Box role="status" aria-label="Loading the totals">
      <Box
        sx={{
          display: 'grid',
          gridTemplateColumns: { xs: '1fr 1fr', md: 'repeat(4, 1fr)' },
          gap: 2,
          mb: 2,
        }}
      >
        {Array.from({ length: 4 }, (_, index) => (
          <Skeleton key={index} variant="rounded" height={106} sx={{ borderRadius: RADIUS.card }} />
        ))}
      </Box>
      <ChartsSkeleton />
    </Box>
  );
}

function ChartsSkeleton() {
  return (
    <Box sx={{ display: 'grid', gridTemplateColumns: { md: '1fr 1fr' }, gap: 2, mb: 2 }}>
      {Array.from({ length: 4 }, (_, index) => (
        <Skeleton key={index} variant="rounded" height={330} sx={{ borderRadius: RADIUS.card }} />
      ))}
    </Box>
  );
}

import type { ChartConfiguration, ChartDataset, ScaleOptionsByType } from 'chart.js';
import { labelsThatFit } from './labels';
import type { ColorOf } from './useColors';

/** A series with one value per group; null where there is no value. */
interface Series {
  readonly label: string;
  /** The colour's name in the style sheet: one for all groups, or one per group. */
  readonly color: string | readonly string[];
  readonly faint?: boolean;
  readonly values: readonly (number | null)[];
}

/** The content of a chart, without its styling. */
export interface Drawing {
  readonly kind: 'bars' | 'horizontal bars' | 'line';
  /** Whether the series are stacked rather than side by side. */
  readonly stacked?: boolean;
  /** The share of a group's width that its bars fill, 0 to 1. */
  readonly fill?: number;
  /** The groups' labels on the axis. */
  readonly labels: readonly string[];
  /** The groups' longer names for tooltips; defaults to the labels. */
  readonly names?: readonly string[];
  readonly series: readonly Series[];
  readonly format: (value: number | null) => string;
  /** Whether the values are counts: the axis then has no fractions. */
  readonly whole?: boolean;
}

type Configuration = ChartConfiguration<'bar' | 'line', (number | null)[], string>;

/** The alpha channel appended to a six-digit hex colour. */
const FAINT = '73';

const FONT = { family: '"Inter Variable", system-ui, sans-serif', size: 12 };
const compact = new Intl.NumberFormat('en', { notation: 'compact', maximumFractionDigits: 1 });

/** Converts a drawing to a Chart.js configuration in the current colour scheme. */
export function configure(drawing: Drawing, color: ColorOf): Configuration {
  const { kind, stacked = false, labels, names = labels, series, format, whole } = drawing;
  const [quiet, text, divider] = [color('text-quiet'), color('text'), color('divider')];
  const horizontal = kind === 'horizontal bars';
  const ticks = { color: quiet, font: FONT };
  const groups = {
    stacked,
    grid: { display: false },
    border: { display: false },
    ticks: { ...ticks, autoSkip: false, maxRotation: 0 },
    ...(!horizontal && { afterBuildTicks: fittingTicks(labels) }),
  };
  const values = {
    stacked,
    beginAtZero: true,
    grid: { color: divider, drawTicks: false },
    border: { display: false },
    ticks: {
      ...ticks,
      maxTicksLimit: 6,
      padding: 8,
      ...(whole === true && { precision: 0 }),
      callback: (value: string | number) => compact.format(Number(value)),
    },
  };
  return {
    type: kind === 'line' ? 'line' : 'bar',
    data: { labels: [...labels], datasets: series.map((one) => dataset(drawing, one, color)) },
    options: {
      animation: false,
      maintainAspectRatio: false,
      indexAxis: horizontal ? 'y' : 'x',
      interaction: { mode: 'index', axis: horizontal ? 'y' : 'x', intersect: false },
      scales: horizontal ? { x: values, y: groups } : { x: groups, y: values },
      plugins: {
        legend: {
          display: series.length > 1,
          labels: { color: text, font: FONT, boxWidth: 10, boxHeight: 10 },
        },
        tooltip: {
          backgroundColor: color('paper'),
          borderColor: divider,
          borderWidth: 1,
          cornerRadius: 8,
          padding: 12,
          titleColor: text,
          titleFont: FONT,
          bodyColor: text,
          bodyFont: FONT,
          boxPadding: 4,
          callbacks: {
            title: ([item]) => (item === undefined ? '' : (names[item.dataIndex] ?? '')),
            label: ({ dataset: { label = '' }, raw }) =>
              `${label}: ${format(typeof raw === 'number' ? raw : null)}`,
          },
        },
      },
    },
  };
}

function dataset(
  { kind, fill = 0.8 }: Drawing,
  { label, color: names, faint = false, values }: Series,
  color: ColorOf,
): ChartDataset<'bar' | 'line', (number | null)[]> {
  const data = [...values];
  const named = (name: string) => color(name) + (faint ? FAINT : '');
  const colors = typeof names === 'string' ? named(names) : names.map(named);
  if (kind !== 'line') {
    return {
      type: 'bar',
      label,
      data,
      backgroundColor: colors,
      categoryPercentage: fill,
      barPercentage: 1,
    };
  }
  return {
    type: 'line',
    label,
    data,
    borderColor: colors,
    backgroundColor: colors,
    borderWidth: 2,
    // A single value has no line, so it is drawn as a point.
    pointRadius: values.filter((value) => value !== null).length === 1 ? 3 : 0,
    // The line connects across missing values instead of dropping to zero.
    spanGaps: true,
    cubicInterpolationMode: 'monotone',
  };
}

type CategoryAxis = Parameters<ScaleOptionsByType<'category'>['afterBuildTicks']>[0];

function fittingTicks(labels: readonly string[]) {
  return (axis: CategoryAxis) => {
    axis.ticks = labelsThatFit(labels, axis.maxWidth).map((value) => ({ value }));
  };
}

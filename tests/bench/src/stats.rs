//! Medians and ranges.

use std::{fmt, time::Duration};

use anyhow::Result;
use hdrhistogram::Histogram;

/// Latencies of one round.
pub(crate) struct Latencies(Histogram<u64>);

impl Latencies {
    pub(crate) fn new() -> Result<Self> {
        // From a microsecond to a minute, with three significant digits.
        Ok(Self(Histogram::new_with_bounds(1, 60_000_000, 3)?))
    }

    pub(crate) fn add(&mut self, took: Duration) {
        self.0
            .saturating_record(took.as_micros().try_into().unwrap_or(u64::MAX));
    }

    pub(crate) fn merge(&mut self, other: &Self) -> Result<()> {
        Ok(self.0.add(&other.0)?)
    }

    pub(crate) fn count(&self) -> u64 {
        self.0.len()
    }

    /// The median, in milliseconds.
    pub(crate) fn p50(&self) -> f64 {
        self.at(0.5)
    }

    /// A quantile, in milliseconds.
    pub(crate) fn at(&self, quantile: f64) -> f64 {
        Duration::from_micros(self.0.value_at_quantile(quantile)).as_secs_f64() * 1000.0
    }
}

/// A figure measured in several rounds.
#[derive(Clone, Debug, Default)]
pub(crate) struct Rounds(Vec<f64>);

impl Rounds {
    pub(crate) fn add(&mut self, figure: f64) {
        self.0.push(figure);
        self.0.sort_by(f64::total_cmp);
    }

    pub(crate) fn median(&self) -> f64 {
        let middle = self.0.len() / 2;
        self.0.get(middle).copied().unwrap_or(f64::NAN)
    }

    pub(crate) fn max(&self) -> f64 {
        self.0.last().copied().unwrap_or(f64::NAN)
    }
}

/// `1.25 (1.20 to 1.40)`; more digits with a precision.
impl fmt::Display for Rounds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = f.precision().unwrap_or(2);
        let first = self.0.first().copied().unwrap_or(f64::NAN);
        write!(
            f,
            "{:.digits$} ({first:.digits$} to {:.digits$})",
            self.median(),
            self.max()
        )
    }
}

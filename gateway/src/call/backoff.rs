//! The wait before a retry.

use std::time::Duration;

/// Exponential backoff with full jitter: each wait is random, up to a ceiling that doubles.
/// Jitter spreads the retries of callers that failed at the same time.
/// (Source: AWS Architecture Blog, "Exponential Backoff And Jitter".)
#[derive(Clone, Copy, Debug)]
pub(crate) struct Backoff {
    first: Duration,
    max: Duration,
}

impl Backoff {
    /// A ceiling that starts at `first` and doubles up to `max`.
    pub(crate) const fn new(first: Duration, max: Duration) -> Self {
        Self { first, max }
    }

    /// The maximum wait after this many failures, at least 1.
    pub(crate) fn ceiling(&self, failures: u32) -> Duration {
        let doublings = failures.saturating_sub(1).min(31);
        self.first.saturating_mul(1 << doublings).min(self.max)
    }

    /// The wait after this many failures, at least 1.
    pub(crate) fn wait(&self, failures: u32) -> Duration {
        self.ceiling(failures).mul_f64(rand::random::<f64>())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BACKOFF: Backoff = Backoff::new(Duration::from_millis(100), Duration::from_secs(2));

    #[test]
    fn the_ceiling_doubles_up_to_the_maximum() {
        let ceilings: Vec<_> = (1..=7).map(|n| BACKOFF.ceiling(n).as_millis()).collect();
        assert_eq!(ceilings, [100, 200, 400, 800, 1600, 2000, 2000]);
        assert_eq!(BACKOFF.ceiling(u32::MAX), Duration::from_secs(2));
    }

    #[test]
    fn waits_are_random_below_the_ceiling() {
        let waits: Vec<_> = (0..100).map(|_| BACKOFF.wait(4)).collect();
        assert!(waits.iter().all(|wait| *wait <= BACKOFF.ceiling(4)));
        assert!(waits.iter().any(|wait| *wait != waits[0]));
    }
}

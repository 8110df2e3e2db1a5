//! When a node that has failed is asked again.

use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};

use tokio::time::Instant;

/// How long a node isn't asked after a failure: a node that is down costs a call
/// [`TIMEOUT`](crate::TIMEOUT) once in this time.
pub(crate) const PAUSE: Duration = Duration::from_secs(5);

/// Open after a failure, for [`PAUSE`].
#[derive(Debug, Default)]
pub(crate) struct Breaker(Mutex<Option<Instant>>);

impl Breaker {
    pub(crate) fn is_closed(&self) -> bool {
        let failed = *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        failed.is_none_or(|at| at.elapsed() >= PAUSE)
    }

    pub(crate) fn failed(&self) {
        self.set(Some(Instant::now()));
    }

    pub(crate) fn succeeded(&self) {
        self.set(None);
    }

    fn set(&self, failed: Option<Instant>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = failed;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_failure_opens_it_for_a_while() {
        let breaker = Breaker::default();
        assert!(breaker.is_closed());
        breaker.failed();
        assert!(!breaker.is_closed());
        tokio::time::advance(PAUSE).await;
        assert!(breaker.is_closed());
        breaker.failed();
        breaker.succeeded();
        assert!(breaker.is_closed());
    }
}

//! When to stop, and how much time there is for it.

use std::time::Duration;

use tokio::{
    signal::unix::{SignalKind, signal},
    time::Instant,
};

/// Waits for SIGTERM or SIGINT.
///
/// # Errors
///
/// The system gives no signal handler.
pub(crate) async fn asked_to_stop() -> std::io::Result<()> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    Ok(())
}

/// The time of a stop, shared out among its steps: each may take what those after it can
/// spare.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Drain {
    deadline: Instant,
}

impl Drain {
    /// A stop that begins now and may take this long.
    pub(crate) fn begin(whole: Duration) -> Self {
        Self {
            deadline: Instant::now() + whole,
        }
    }

    /// What is left.
    pub(crate) fn left(&self) -> Duration {
        self.deadline.saturating_duration_since(Instant::now())
    }

    /// This share of what is left.
    pub(crate) fn share(&self, share: f64) -> Duration {
        self.left().mul_f64(share)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn what_a_step_leaves_goes_to_the_next() {
        let drain = Drain::begin(Duration::from_secs(10));
        assert_eq!(drain.share(0.5), Duration::from_secs(5));
        tokio::time::advance(Duration::from_secs(2)).await;
        assert_eq!(drain.left(), Duration::from_secs(8));
        tokio::time::advance(Duration::from_secs(20)).await;
        assert_eq!(drain.share(0.5), Duration::ZERO);
    }
}

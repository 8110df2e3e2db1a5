//! The signal to stop, and the time limit for the shutdown.

use std::time::Duration;

use tokio::{
    signal::unix::{SignalKind, signal},
    time::Instant,
};

/// Waits for SIGTERM or SIGINT.
///
/// # Errors
///
/// The signal handlers cannot be installed.
pub(crate) async fn stop_signal() -> std::io::Result<()> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    Ok(())
}

/// The shutdown's time limit, divided among its steps: the time that a step doesn't use is left
/// to the later ones.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Drain {
    deadline: Instant,
}

impl Drain {
    /// A shutdown that begins now.
    pub(crate) fn begin(limit: Duration) -> Self {
        Self {
            deadline: Instant::now() + limit,
        }
    }

    /// The remaining time.
    pub(crate) fn remaining(&self) -> Duration {
        self.deadline.saturating_duration_since(Instant::now())
    }

    /// A share of the remaining time.
    pub(crate) fn share(&self, share: f64) -> Duration {
        self.remaining().mul_f64(share)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn unused_time_is_left_to_later_steps() {
        let drain = Drain::begin(Duration::from_secs(10));
        assert_eq!(drain.share(0.5), Duration::from_secs(5));
        tokio::time::advance(Duration::from_secs(2)).await;
        assert_eq!(drain.remaining(), Duration::from_secs(8));
        tokio::time::advance(Duration::from_secs(20)).await;
        assert_eq!(drain.share(0.5), Duration::ZERO);
    }
}

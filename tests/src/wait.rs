//! Waiting for a condition, with a timeout.

use std::time::Duration;

use anyhow::{Context as _, Result};
use tokio::time::{Instant, sleep, timeout_at};

/// The usual timeout: far longer than anything takes, even on a busy machine.
pub const SOON: Duration = Duration::from_secs(20);

const POLL_INTERVAL: Duration = Duration::from_millis(50);

/// Repeats `attempt` until it succeeds, and returns its result. Returns the last error once the
/// timeout has passed.
pub async fn eventually<T>(
    timeout: Duration,
    mut attempt: impl AsyncFnMut() -> Result<T>,
) -> Result<T> {
    let deadline = Instant::now() + timeout;
    let mut last = None;
    loop {
        match timeout_at(deadline, attempt()).await {
            Ok(Ok(value)) => return Ok(value),
            Ok(Err(error)) => last = Some(error),
            Err(_) => last = Some(last.unwrap_or_else(|| anyhow::anyhow!("no attempt finished"))),
        }
        if Instant::now() + POLL_INTERVAL >= deadline {
            let error = last.unwrap_or_else(|| anyhow::anyhow!("no attempt finished"));
            return Err(error).context(format!("not within {timeout:?}"));
        }
        sleep(POLL_INTERVAL).await;
    }
}

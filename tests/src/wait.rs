//! Waiting for what happens a little later, with an end to it.

use std::time::Duration;

use anyhow::{Context as _, Result};
use tokio::time::{Instant, sleep, timeout_at};

/// How long most things are waited for: far longer than they take, also on a busy machine.
pub const SOON: Duration = Duration::from_secs(20);

/// How often is looked.
const EVERY: Duration = Duration::from_millis(50);

/// Looks again and again until `look` succeeds, and answers what it found.
///
/// # Errors
///
/// The last failure, once `patience` has passed.
pub async fn eventually<T>(
    patience: Duration,
    mut look: impl AsyncFnMut() -> Result<T>,
) -> Result<T> {
    let deadline = Instant::now() + patience;
    let mut last = None;
    loop {
        match timeout_at(deadline, look()).await {
            Ok(Ok(found)) => return Ok(found),
            Ok(Err(error)) => last = Some(error),
            Err(_) => last = Some(last.unwrap_or_else(|| anyhow::anyhow!("nothing came of it"))),
        }
        if Instant::now() + EVERY >= deadline {
            let error = last.unwrap_or_else(|| anyhow::anyhow!("nothing came of it"));
            return Err(error).context(format!("not within {patience:?}"));
        }
        sleep(EVERY).await;
    }
}

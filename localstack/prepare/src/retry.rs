//! Retries while a dependency is starting.

use std::time::Duration;

use tokio::time::{Instant, sleep};

/// Pause between attempts.
const PAUSE: Duration = Duration::from_millis(200);

/// Retries until an attempt succeeds or the timeout is over.
///
/// # Errors
///
/// The error of the last attempt, with `what` as context.
pub async fn until<T, F>(
    timeout: Duration,
    what: &str,
    mut attempt: impl FnMut() -> F,
) -> anyhow::Result<T>
where
    F: Future<Output = anyhow::Result<T>>,
{
    let deadline = Instant::now() + timeout;
    loop {
        match attempt().await {
            Ok(value) => return Ok(value),
            Err(error) if Instant::now() + PAUSE > deadline => {
                let seconds = timeout.as_secs();
                return Err(error.context(format!("{what}: no success within {seconds} s")));
            }
            Err(_) => sleep(PAUSE).await,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn attempts_are_repeated_until_one_succeeds() {
        let tries = Cell::new(0);
        let value = until(Duration::from_secs(60), "x", || async {
            tries.set(tries.get() + 1);
            anyhow::ensure!(tries.get() == 3);
            Ok(7)
        })
        .await
        .unwrap();
        assert_eq!((value, tries.get()), (7, 3));
    }

    #[tokio::test(start_paused = true)]
    async fn gives_up_at_the_deadline_with_the_last_error() {
        let begun = Instant::now();
        let error = until::<(), _>(Duration::from_secs(2), "topics", || async {
            anyhow::bail!("refused")
        })
        .await
        .unwrap_err();
        assert!(begun.elapsed() <= Duration::from_secs(2));
        assert_eq!(
            format!("{error:#}"),
            "topics: no success within 2 s: refused"
        );
    }
}

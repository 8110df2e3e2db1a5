//! Waiting for a dependency that is still starting.

use std::time::Duration;

use tokio::time::{Instant, sleep};

/// Between two attempts.
const PAUSE: Duration = Duration::from_millis(200);

/// Tries until it works or `timeout` has passed; then the last error, with `what` was tried.
///
/// # Errors
///
/// The last attempt's.
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
    async fn tries_until_it_works() {
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
    async fn gives_up_at_the_deadline_and_says_on_what() {
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

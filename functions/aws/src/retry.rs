//! Waiting before a retry. The SDK retries failed requests itself; this is for successful
//! responses that ask for one: unprocessed items, and transactions that conflict.

use std::time::Duration;

use uuid::Uuid;

/// The longest wait before the second attempt; it doubles with each further one.
const FIRST: Duration = Duration::from_millis(20);

/// How many times the wait doubles: up to 640 ms.
const DOUBLINGS: u32 = 5;

/// Waits after attempt `attempt` (counted from 1) before the next: exponential backoff with
/// full jitter, so that callers who collided don't collide again.
pub async fn backoff(attempt: u32) {
    let longest = FIRST * 2_u32.pow(attempt.saturating_sub(1).min(DOUBLINGS));
    // The last byte of a version 4 UUID is random. A random number generator would be one
    // more dependency of each function.
    let [.., random] = Uuid::new_v4().into_bytes();
    tokio::time::sleep(longest * u32::from(random) / 255).await;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn the_wait_is_limited() {
        for attempt in 0..40 {
            let start = tokio::time::Instant::now();
            backoff(attempt).await;
            assert!(start.elapsed() <= Duration::from_millis(641), "{attempt}");
        }
    }
}

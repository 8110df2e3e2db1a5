//! Reads a request's body up to a limit.

use std::time::Duration;

use axum::body::Body;
use bytes::{Bytes, BytesMut};
use http::{
    HeaderMap,
    header::{CONTENT_LENGTH, EXPECT},
};
use http_body_util::BodyExt as _;
use tokio::time::{Instant, timeout_at};

use crate::limits::BODY_TIMEOUT;

/// A client that gets the error while it still sends would see a broken connection instead. So
/// up to this many further bytes are read and discarded.
const MAX_DISCARDED: usize = 32 * 1024 * 1024;

/// The time limit for discarding.
const DISCARD_TIMEOUT: Duration = Duration::from_secs(5);

/// Why a body can't be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BodyError {
    /// It exceeds the limit.
    TooLarge,
    /// The client stopped sending it.
    Incomplete,
    /// It took longer than [`BODY_TIMEOUT`].
    TimedOut,
}

/// Reads a body of at most `limit` bytes.
pub(crate) async fn read(
    headers: &HeaderMap,
    mut body: Body,
    limit: usize,
) -> Result<Bytes, BodyError> {
    let announced = headers
        .get(CONTENT_LENGTH)
        .and_then(|length| length.to_str().ok()?.parse::<usize>().ok());
    if announced.is_some_and(|length| length > limit) {
        // A client that sends `Expect: 100-continue` hasn't sent the body.
        if !headers.contains_key(EXPECT) {
            discard(body).await;
        }
        return Err(BodyError::TooLarge);
    }
    let deadline = Instant::now() + BODY_TIMEOUT;
    let mut bytes = BytesMut::with_capacity(announced.unwrap_or_default());
    loop {
        match timeout_at(deadline, body.frame()).await {
            Ok(None) => return Ok(bytes.freeze()),
            Ok(Some(Ok(frame))) => {
                let data = frame.into_data().unwrap_or_default();
                if bytes.len() + data.len() > limit {
                    discard(body).await;
                    return Err(BodyError::TooLarge);
                }
                bytes.extend_from_slice(&data);
            }
            Ok(Some(Err(_))) => return Err(BodyError::Incomplete),
            Err(_) => return Err(BodyError::TimedOut),
        }
    }
}

async fn discard(mut body: Body) {
    let deadline = Instant::now() + DISCARD_TIMEOUT;
    let mut remaining = MAX_DISCARDED;
    while let Ok(Some(Ok(frame))) = timeout_at(deadline, body.frame()).await {
        let length = frame.data_ref().map_or(0, Bytes::len);
        match remaining.checked_sub(length) {
            Some(rest) => remaining = rest,
            None => return,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn announcing(length: &str) -> HeaderMap {
        [(CONTENT_LENGTH, length.parse().unwrap())]
            .into_iter()
            .collect()
    }

    #[tokio::test]
    async fn a_body_over_the_limit_is_refused_with_and_without_its_length() {
        let none = HeaderMap::new();
        assert_eq!(read(&none, Body::from("four"), 4).await.unwrap(), "four");
        let refused = Err(BodyError::TooLarge);
        assert_eq!(read(&none, Body::from("five!"), 4).await, refused);
        let refused = Err(BodyError::TooLarge);
        assert_eq!(
            read(&announcing("5"), Body::from("five!"), 4).await,
            refused
        );
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_that_does_not_come_times_out() {
        let never = futures::stream::pending::<Result<Bytes, std::io::Error>>();
        let outcome = read(&HeaderMap::new(), Body::from_stream(never), 4).await;
        assert_eq!(outcome, Err(BodyError::TimedOut));
    }
}

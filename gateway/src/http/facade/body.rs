//! Reads request bodies up to the size limit.

use std::time::Duration;

use axum::body::Body;
use bytes::{Bytes, BytesMut};
use http::{
    HeaderMap,
    header::{CONTENT_ENCODING, CONTENT_LENGTH, EXPECT},
};
use http_body_util::BodyExt as _;
use tokio::time::{Instant, timeout_at};
use trichrome_proto::{
    error::{ApiError, ErrorCode},
    wire::header::{compressed_body, is_identity},
};

use crate::{
    call::limits::{self, MAX_BODY},
    http::server,
};

/// A client that gets the error while it still sends would see a broken connection instead. So
/// up to this many further bytes are read and discarded.
const MAX_DISCARDED: usize = 32 * 1024 * 1024;

/// The time limit for discarding.
const DISCARD_TIMEOUT: Duration = Duration::from_secs(5);

/// Refuses a compressed body.
///
/// # Errors
///
/// `UNSUPPORTED_MEDIA_TYPE` for any coding but `identity`.
pub(crate) fn check_coding(headers: &HeaderMap) -> Result<(), ApiError> {
    let mut codings = headers.get_all(CONTENT_ENCODING).iter();
    if codings.all(|coding| is_identity(coding.as_bytes())) {
        Ok(())
    } else {
        Err(compressed_body())
    }
}

/// Reads a body.
///
/// # Errors
///
/// `PAYLOAD_TOO_LARGE`; `INVALID_ARGUMENT` if the body is incomplete; `DEADLINE_EXCEEDED` if it
/// takes too long.
pub(crate) async fn read(headers: &HeaderMap, mut body: Body) -> Result<Bytes, ApiError> {
    let announced = headers
        .get(CONTENT_LENGTH)
        .and_then(|length| length.to_str().ok()?.parse::<usize>().ok());
    if announced.is_some_and(|length| length > MAX_BODY) {
        // A client that sends `Expect: 100-continue` hasn't sent the body.
        if !headers.contains_key(EXPECT) {
            discard(body).await;
        }
        return Err(limits::body_too_large());
    }
    let deadline = Instant::now() + limits::UPLOAD_TIMEOUT;
    let mut bytes = BytesMut::with_capacity(announced.unwrap_or_default());
    loop {
        let frame = match timeout_at(deadline, body.frame()).await {
            Ok(None) => return Ok(bytes.freeze()),
            Ok(Some(Ok(frame))) => frame,
            Ok(Some(Err(error))) if server::is_late(&error) => return Err(late()),
            Ok(Some(Err(_))) => return Err(ApiError::invalid("the body is incomplete")),
            Err(_) => return Err(late()),
        };
        let Some(data) = frame.data_ref() else {
            continue;
        };
        if bytes.len() + data.len() > MAX_BODY {
            discard(body).await;
            return Err(limits::body_too_large());
        }
        bytes.extend_from_slice(data);
    }
}

fn late() -> ApiError {
    let message = "the body took too long to arrive";
    ApiError::new(ErrorCode::DeadlineExceeded, message)
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
    use futures::stream;

    use super::*;

    fn chunks(count: usize) -> Body {
        let chunk = Bytes::from(vec![b'a'; 1024 * 1024]);
        Body::from_stream(stream::iter(
            (0..count).map(move |_| Ok::<_, std::io::Error>(chunk.clone())),
        ))
    }

    #[tokio::test]
    async fn a_body_within_the_limit_is_read() {
        let bytes = read(&HeaderMap::new(), chunks(5)).await.unwrap();
        assert_eq!(bytes.len(), 5 * 1024 * 1024);
    }

    #[tokio::test]
    async fn a_body_over_the_limit_is_too_large_with_or_without_content_length() {
        let error = read(&HeaderMap::new(), chunks(7)).await.unwrap_err();
        assert_eq!(error.code, ErrorCode::PayloadTooLarge);
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_LENGTH, "7340032".parse().unwrap());
        let error = read(&headers, chunks(7)).await.unwrap_err();
        assert_eq!(error.code, ErrorCode::PayloadTooLarge);
    }

    #[tokio::test]
    async fn an_endless_body_is_too_large() {
        let endless = Body::from_stream(stream::repeat_with(|| {
            Ok::<_, std::io::Error>(Bytes::from(vec![0; 1024 * 1024]))
        }));
        let error = read(&HeaderMap::new(), endless).await.unwrap_err();
        assert_eq!(error.code, ErrorCode::PayloadTooLarge);
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_that_does_not_arrive_times_out() {
        let never = Body::from_stream(stream::pending::<Result<Bytes, std::io::Error>>());
        let error = read(&HeaderMap::new(), never).await.unwrap_err();
        assert_eq!(error.code, ErrorCode::DeadlineExceeded);
    }

    #[tokio::test]
    async fn an_incomplete_body_is_invalid() {
        let broken = Body::from_stream(stream::iter([Err::<Bytes, _>(std::io::Error::other("x"))]));
        let error = read(&HeaderMap::new(), broken).await.unwrap_err();
        assert_eq!(error.code, ErrorCode::InvalidArgument);
    }
}

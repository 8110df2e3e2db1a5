//! The limit on a request's head: its target and headers. It is the same on each transport.

use axum::{
    extract::Request,
    middleware::Next,
    response::{IntoResponse as _, Response},
};
use http::{HeaderMap, Uri};
use tracing::Span;
use trichrome_proto::error::ApiError;

use crate::{
    call::{
        context::{Context, http_header},
        limits::{self, MAX_HEAD, MAX_HEADERS},
    },
    grpc::status,
};

/// Checks a request's head.
///
/// # Errors
///
/// `HEADERS_TOO_LARGE`.
pub(crate) fn check(uri: &Uri, headers: &HeaderMap) -> Result<(), ApiError> {
    let target = uri
        .path_and_query()
        .map_or(0, |target| target.as_str().len());
    let values: usize = headers.values().map(|value| value.len()).sum();
    if target + values > MAX_HEAD || headers.len() > MAX_HEADERS {
        return Err(limits::head_too_large());
    }
    Ok(())
}

/// Refuses gRPC requests with too large a head, other than calls of operations.
pub(crate) async fn check_grpc(request: Request, next: Next) -> Response {
    let headers = request.headers();
    match check(request.uri(), headers) {
        Ok(()) => next.run(request).await,
        Err(error) => {
            let context = Context::begin(&Span::none(), |name| http_header(headers, name));
            let status = status::from_error(&error, &context);
            status.into_http::<tonic::body::Body>().into_response()
        }
    }
}

#[cfg(test)]
mod tests {
    use http::{HeaderName, HeaderValue};
    use trichrome_proto::error::ErrorCode;

    use super::*;

    fn result(path: &str, headers: &[(&str, &str)]) -> Result<(), ErrorCode> {
        let headers: HeaderMap = headers
            .iter()
            .map(|(name, value)| {
                (
                    HeaderName::try_from(*name).unwrap(),
                    HeaderValue::try_from(*value).unwrap(),
                )
            })
            .collect();
        check(&path.parse().unwrap(), &headers).map_err(|error| error.code)
    }

    #[test]
    fn target_and_values_have_one_limit() {
        let half = "a".repeat(MAX_HEAD / 2);
        let path = format!("/{}", &half[1..]);
        assert_eq!(result(&path, &[("authorization", &half)]), Ok(()));
        let too_large = Err(ErrorCode::HeadersTooLarge);
        assert_eq!(result(&path, &[("a", &half), ("b", "b")]), too_large);
        assert_eq!(result(&format!("/?{half}{half}"), &[]), too_large);
    }

    #[test]
    fn the_number_of_headers_is_limited() {
        let names: Vec<_> = (0..=MAX_HEADERS).map(|i| format!("h{i}")).collect();
        let headers: Vec<_> = names.iter().map(|name| (name.as_str(), "")).collect();
        assert_eq!(result("/", &headers[1..]), Ok(()));
        assert_eq!(result("/", &headers), Err(ErrorCode::HeadersTooLarge));
    }
}

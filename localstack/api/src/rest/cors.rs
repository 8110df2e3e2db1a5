//! CORS, as `template.yaml` configures it by default: any origin.

use axum::{body::Body, response::Response};
use http::{
    HeaderMap, HeaderValue,
    header::{
        ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
        ACCESS_CONTROL_MAX_AGE,
    },
};

const METHODS: &str = "DELETE,GET,OPTIONS,PATCH,POST";
const HEADERS: &str = "authorization,content-type,idempotency-key,traceparent,x-request-id";
/// In seconds.
const MAX_AGE: &str = "3600";

/// The response to a preflight request for a path of the API.
pub(super) fn preflight() -> Response {
    let mut response = Response::new(Body::empty());
    let headers = response.headers_mut();
    allow_origin(headers);
    for (name, value) in [
        (ACCESS_CONTROL_ALLOW_METHODS, METHODS),
        (ACCESS_CONTROL_ALLOW_HEADERS, HEADERS),
        (ACCESS_CONTROL_MAX_AGE, MAX_AGE),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    response
}

/// Allows pages to read a response that is API Gateway's own.
pub(super) fn allow_origin(headers: &mut HeaderMap) {
    headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cors_is_the_templates() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../template.yaml");
        let template = std::fs::read_to_string(path).unwrap();
        for line in [
            format!("AllowMethods: \"'{METHODS}'\""),
            format!("AllowHeaders: \"'{HEADERS}'\""),
            format!("MaxAge: \"'{MAX_AGE}'\""),
        ] {
            assert!(template.contains(&line), "{line}");
        }
    }
}

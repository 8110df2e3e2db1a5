//! An HTTP request, as Lambda hands it over, read into a call.

use lambda_http::{Body, Request, RequestExt as _, http::HeaderMap, request::RequestContext};
use serde_json::{Map, Value};
use trichrome_proto::{
    analytics::AnalyticsEntryMessage,
    binding,
    contract::Operation,
    error::{ApiError, ErrorCode},
};
use trichrome_telemetry::Origin;

use crate::function::Transport;

/// The largest body taken, in bytes: what Lambda's payload of 6 MB leaves for it.
pub(crate) const BODY_LIMIT: usize = 6 * 1024 * 1024;

/// The longest idempotency key or request id taken, in characters.
const KEY_LIMIT: usize = 255;

/// What the request says besides its message.
#[derive(Debug)]
pub(crate) struct Head {
    pub(crate) request_id: String,
    /// What the caller says of the trace; taken where the call joins it.
    pub(crate) origin: Option<Origin>,
    pub(crate) trace_id: String,
    pub(crate) transport: Transport,
}

impl Head {
    pub(crate) fn read(request: &Request) -> Self {
        let api_id = match request.request_context_ref() {
            Some(RequestContext::ApiGatewayV2(context)) => context.apiid.as_deref(),
            Some(RequestContext::ApiGatewayV1(context)) => context.apiid.as_deref(),
            _ => None,
        };
        let given = header(request.headers(), "x-request-id").filter(|id| is_key(id));
        let own = || {
            request
                .lambda_context_ref()
                .map(|context| context.request_id.as_str())
        };
        Self {
            request_id: given.or_else(own).unwrap_or_default().to_owned(),
            origin: Origin::read(|name| header(request.headers(), name)),
            trace_id: String::new(),
            transport: Transport::from_api_id(api_id),
        }
    }
}

/// The request message, not yet validated.
pub(crate) fn args(
    operation: &Operation,
    request: Request,
) -> Result<Map<String, Value>, ApiError> {
    let path = request.path_parameters_ref().cloned().unwrap_or_default();
    let query = request
        .query_string_parameters_ref()
        .cloned()
        .unwrap_or_default();
    let body = request.into_body();
    if body.len() > BODY_LIMIT {
        return Err(ApiError::new(
            ErrorCode::PayloadTooLarge,
            format!("the body is larger than {BODY_LIMIT} bytes"),
        ));
    }
    // Only what the binding names is a parameter: a catch-all route brings its own.
    let path = path
        .iter()
        .filter(|(name, _)| operation.http.path.contains(&format!("{{{name}}}")));
    binding::from_http(operation, path, query.iter(), &body)
}

/// The entry that another function's shell sends to be logged.
pub(crate) fn internal_entry(body: &Body) -> Result<AnalyticsEntryMessage, ApiError> {
    serde_json::from_slice(body)
        .map_err(|error| ApiError::invalid(format!("not a call log entry: {error}")))
}

/// The token of `Authorization: Bearer <token>` (RFC 6750, section 2.1).
pub(crate) fn bearer(headers: &HeaderMap) -> Result<&str, ApiError> {
    let unauthenticated = |message| ApiError::new(ErrorCode::Unauthenticated, message);
    let value = header(headers, "authorization")
        .filter(|value| !value.is_empty())
        .ok_or_else(|| unauthenticated("log in and send `Authorization: Bearer <token>`"))?;
    value
        .split_once(' ')
        .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"))
        .map(|(_, token)| token.trim())
        .ok_or_else(|| unauthenticated("the authorization must be `Bearer <token>`"))
}

/// The key of a create, where one is given.
pub(crate) fn idempotency_key(headers: &HeaderMap) -> Result<Option<String>, ApiError> {
    match headers.get("idempotency-key") {
        None => Ok(None),
        Some(value) => match value.to_str() {
            Ok(key) if is_key(key) => Ok(Some(key.to_owned())),
            _ => Err(ApiError::invalid(format!(
                "the idempotency key must be 1 to {KEY_LIMIT} visible ASCII characters"
            ))),
        },
    }
}

fn header<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}

fn is_key(text: &str) -> bool {
    (1..=KEY_LIMIT).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(name: &'static str, value: &'static str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(name, value.parse().unwrap());
        headers
    }

    #[test]
    fn the_token_comes_as_bearer_in_any_case() {
        assert_eq!(bearer(&headers("authorization", "Bearer t")).unwrap(), "t");
        assert_eq!(bearer(&headers("authorization", "bearer  t")).unwrap(), "t");
        for value in ["", "t", "Basic t"] {
            let error = bearer(&headers("authorization", value)).unwrap_err();
            assert_eq!(error.code, ErrorCode::Unauthenticated);
        }
        assert!(bearer(&HeaderMap::new()).is_err());
    }

    #[test]
    fn keys_are_visible_and_short() {
        assert_eq!(idempotency_key(&HeaderMap::new()).unwrap(), None);
        let given = headers("idempotency-key", "k-1");
        assert_eq!(idempotency_key(&given).unwrap().as_deref(), Some("k-1"));
        assert!(idempotency_key(&headers("idempotency-key", "")).is_err());
        assert!(idempotency_key(&headers("idempotency-key", "a b")).is_err());
    }
}

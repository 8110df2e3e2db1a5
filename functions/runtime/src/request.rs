//! Parsing an HTTP request into a call.

use std::net::IpAddr;

use lambda_http::{
    Body, Request, RequestExt as _,
    http::{HeaderMap, header::CONTENT_TYPE},
    request::RequestContext,
};
use serde_json::{Map, Value};
use trichrome_proto::{
    binding,
    contract::Operation,
    error::{ApiError, ErrorCode},
    json,
    message::Raw,
    wire::{Transport, TrustedProxies, header, limits, media::Form},
};
use trichrome_telemetry::Origin;

use crate::origin;

/// A request without its message.
#[derive(Debug)]
pub(crate) struct Head {
    pub(crate) request_id: String,
    /// The caller's trace, until the call joins it.
    pub(crate) origin: Option<Origin>,
    pub(crate) trace_id: String,
    pub(crate) transport: Transport,
    pub(crate) is_compressed: bool,
}

impl Head {
    pub(crate) fn read(request: &Request) -> Self {
        let api_id = match request.request_context_ref() {
            Some(RequestContext::ApiGatewayV2(context)) => context.apiid.as_deref(),
            Some(RequestContext::ApiGatewayV1(context)) => context.apiid.as_deref(),
            _ => None,
        };
        let context = request.lambda_context_ref();
        let given = text(request.headers(), header::REQUEST_ID);
        let given = given.filter(|id| header::is_request_id(id));
        let own = || context.map(|context| context.request_id.as_str());
        Self {
            request_id: given.or_else(own).unwrap_or_default().to_owned(),
            origin: origin::of_request(context, |name| text(request.headers(), name)),
            trace_id: String::new(),
            transport: Transport::from_api_id(api_id),
            is_compressed: is_compressed(request.headers()),
        }
    }
}

/// A request message, not yet validated.
pub(crate) struct Args {
    pub(crate) fields: Map<String, Value>,
    /// A raw body and the field that it fills.
    pub(crate) raw: Option<Raw>,
}

/// Reads the request message.
pub(crate) fn args(operation: &Operation, request: Request) -> Result<Args, ApiError> {
    let form = form(operation, &request)?;
    let path = request.path_parameters_ref().cloned().unwrap_or_default();
    let query = request
        .query_string_parameters_ref()
        .cloned()
        .unwrap_or_default();
    let body = request.into_body();
    if body.len() > limits::MAX_BODY {
        return Err(limits::body_too_large());
    }
    // A catch-all route has parameters of its own.
    let path = path
        .iter()
        .filter(|(name, _)| operation.http.has_path_parameter(name));
    let read = |body| binding::from_http(operation, path, query.iter(), body);
    match (form, operation.http.raw_body) {
        (Form::Raw, Some(field)) => Ok(Args {
            fields: read(binding::Body::Raw)?,
            raw: Some((field, octets(body))),
        }),
        _ => Ok(Args {
            fields: read(binding::Body::Json(&body))
                .map_err(|error| hint(operation, &body, error))?,
            raw: None,
        }),
    }
}

/// Adds how to send a file's bytes to the error of a body that is no JSON object. Clients such as
/// curl send bytes as a form unless they have another type.
fn hint(operation: &Operation, body: &[u8], mut error: ApiError) -> ApiError {
    let first = body.iter().find(|byte| !byte.is_ascii_whitespace());
    if operation.http.raw_body.is_some() && !matches!(first, None | Some(b'{')) {
        error
            .message
            .push_str("; to send a file's bytes, set its `content-type`, such as image/jpeg");
    }
    error
}

/// A body's bytes, without a copy.
fn octets(body: Body) -> Vec<u8> {
    match body {
        Body::Text(text) => text.into_bytes(),
        Body::Binary(bytes) => bytes,
        _ => Vec::new(),
    }
}

/// How the body is to be read.
fn form(operation: &Operation, request: &Request) -> Result<Form, ApiError> {
    Form::of(operation, text(request.headers(), CONTENT_TYPE.as_str()))
}

/// The caller's address, by `requestContext`, which callers can't forge. The gateway sends the
/// address of its own caller. Kafka shows none.
pub(crate) fn caller_address(
    request: &Request,
    transport: Transport,
    proxies: &TrustedProxies,
) -> Option<IpAddr> {
    let address = match request.request_context_ref()? {
        RequestContext::ApiGatewayV2(context) => context.http.source_ip.as_deref(),
        RequestContext::ApiGatewayV1(context) => context.identity.source_ip.as_deref(),
        _ => None,
    };
    let peer = address?.parse().ok()?;
    match transport {
        Transport::Events => None,
        Transport::Grpc => Some(peer),
        Transport::Rest => {
            let forwarded = request.headers().get_all(header::FORWARDED_FOR);
            let forwarded = forwarded.iter().filter_map(|value| value.to_str().ok());
            Some(proxies.caller(peer, forwarded))
        }
    }
}

/// The token of `Authorization: Bearer <token>` (RFC 6750, section 2.1). Two headers are refused,
/// because they could name different callers. API Gateway's HTTP APIs join them by a comma, which
/// no token has.
pub(crate) fn bearer(headers: &HeaderMap) -> Result<&str, ApiError> {
    let unauthenticated = |message| Err(ApiError::new(ErrorCode::Unauthenticated, message));
    let mut values = headers.get_all(header::AUTHORIZATION).iter();
    let value = match (values.next(), values.next()) {
        (Some(value), None) if !value.is_empty() => value,
        (Some(_), Some(_)) => return unauthenticated("the authorization is given more than once"),
        _ => return unauthenticated("log in and send `Authorization: Bearer <token>`"),
    };
    let token = value
        .to_str()
        .ok()
        .and_then(|value| value.split_once(' '))
        .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"));
    match token {
        Some((_, token)) => Ok(token.trim()),
        None => unauthenticated("the authorization must be `Bearer <token>`"),
    }
}

/// The idempotency key, if there is one. An invalid key is refused, because without it a repeated
/// create would have two effects.
pub(crate) fn idempotency_key(headers: &HeaderMap) -> Result<Option<String>, ApiError> {
    let mut keys = headers.get_all(header::IDEMPOTENCY_KEY).iter();
    match (keys.next(), keys.next()) {
        (None, _) => Ok(None),
        (Some(key), None) => key
            .to_str()
            .ok()
            .filter(|key| header::is_idempotency_key(key))
            .map(|key| Some(key.to_owned()))
            .ok_or_else(header::invalid_idempotency_key),
        (Some(_), Some(_)) => Err(header::invalid_idempotency_key()),
    }
}

/// Refuses a header over the limit of all headers. A Kafka client, or a caller of a server that
/// has no such limit, could send one. The sum isn't checked here, because it includes what API
/// Gateway adds.
pub(crate) fn check_sizes(headers: &HeaderMap) -> Result<(), ApiError> {
    if headers
        .values()
        .all(|value| value.len() <= limits::MAX_HEAD)
    {
        Ok(())
    } else {
        Err(limits::head_too_large())
    }
}

/// Refuses a body that can't be read: one that is compressed, has a type of another file, or isn't
/// text where it must be.
pub(crate) fn check_body(operation: &Operation, request: &Request) -> Result<(), ApiError> {
    check_coding(request.headers())?;
    if operation.http.body && form(operation, request)? == Form::Json {
        let body = request.body();
        json::text(body).map_err(|error| hint(operation, body, error))?;
    }
    Ok(())
}

/// Whether the body is compressed.
pub(crate) fn is_compressed(headers: &HeaderMap) -> bool {
    check_coding(headers).is_err()
}

fn check_coding(headers: &HeaderMap) -> Result<(), ApiError> {
    let mut codings = headers.get_all(header::CONTENT_ENCODING).iter();
    if codings.all(|coding| header::is_identity(coding.as_bytes())) {
        Ok(())
    } else {
        Err(header::compressed_body())
    }
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}

#[cfg(test)]
mod tests {
    use trichrome_proto::contract::by_function;

    use super::*;

    fn headers(name: &'static str, value: &'static str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(name, value.parse().unwrap());
        headers
    }

    #[test]
    fn the_callers_address_is_that_of_the_gateway_or_of_a_trusted_proxy() {
        use lambda_http::aws_lambda_events::apigw::ApiGatewayV2httpRequestContext;
        let mut context = ApiGatewayV2httpRequestContext::default();
        context.http.source_ip = Some("10.1.2.3".to_owned());
        let request = lambda_http::http::Request::builder()
            .header("x-forwarded-for", "203.0.113.7")
            .body(lambda_http::Body::Empty)
            .unwrap()
            .with_request_context(RequestContext::ApiGatewayV2(context));
        for (transport, proxies, expected) in [
            (Transport::Rest, "", Some("10.1.2.3")),
            (Transport::Rest, "10.0.0.0/8", Some("203.0.113.7")),
            (Transport::Grpc, "10.0.0.0/8", Some("10.1.2.3")),
            (Transport::Events, "10.0.0.0/8", None),
        ] {
            let address = caller_address(&request, transport, &proxies.parse().unwrap());
            let address = address.map(|address| address.to_string());
            assert_eq!(address.as_deref(), expected, "{transport:?} {proxies}");
        }
    }

    #[test]
    fn the_scheme_is_bearer_in_any_case() {
        assert_eq!(bearer(&headers("authorization", "Bearer t")).unwrap(), "t");
        assert_eq!(bearer(&headers("authorization", "bearer  t")).unwrap(), "t");
        for (value, cause) in [
            ("", "log in"),
            ("t", "must be `Bearer <token>`"),
            ("Basic t", "must be `Bearer <token>`"),
            ("Bearer é", "must be `Bearer <token>`"),
        ] {
            let error = bearer(&headers("authorization", value)).unwrap_err();
            assert_eq!(error.code, ErrorCode::Unauthenticated);
            assert!(
                error.message.contains(cause),
                "{value:?}: {}",
                error.message
            );
        }
        assert!(bearer(&HeaderMap::new()).is_err());
    }

    #[test]
    fn a_header_over_the_limit_is_refused() {
        let check = |length| {
            let mut headers = HeaderMap::new();
            headers.insert("x-any", "a".repeat(length).parse().unwrap());
            check_sizes(&headers).map_err(|error| error.code)
        };
        assert_eq!(check(limits::MAX_HEAD), Ok(()));
        assert_eq!(check(limits::MAX_HEAD + 1), Err(ErrorCode::HeadersTooLarge));
    }

    #[test]
    fn bytes_sent_as_a_form_are_refused_with_the_remedy() {
        let request = |body: &'static [u8]| {
            lambda_http::http::Request::builder()
                .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
                .body(Body::Binary(body.to_vec()))
                .unwrap()
        };
        let create = by_function("pictures-create").unwrap();
        let rename = by_function("pictures-update").unwrap();
        let remedy = "set its `content-type`";
        // API Gateway replaces what isn't UTF-8.
        for body in [&b"\xff\xd8\xff"[..], "\u{fffd}\u{fffd}".as_bytes()] {
            let refused = |operation| {
                let checked = check_body(operation, &request(body));
                let error = checked.and_then(|()| args(operation, request(body)).map(drop));
                error.unwrap_err().message
            };
            assert!(refused(create).contains(remedy), "{}", refused(create));
            assert!(!refused(rename).contains(remedy), "{}", refused(rename));
        }
        let error = args(create, request(b"{")).err().unwrap();
        assert!(!error.message.contains(remedy), "{}", error.message);
    }

    #[test]
    fn two_authorizations_are_refused() {
        for second in ["Bearer t", "Bearer u", "Basic t", ""] {
            let mut twice = headers("authorization", "Bearer t");
            twice.append("authorization", second.parse().unwrap());
            let error = bearer(&twice).unwrap_err();
            assert_eq!(error.code, ErrorCode::Unauthenticated, "{second:?}");
        }
    }

    #[test]
    fn keys_are_short_and_visible() {
        assert_eq!(idempotency_key(&HeaderMap::new()).unwrap(), None);
        let given = headers("idempotency-key", "k-1");
        assert_eq!(idempotency_key(&given).unwrap().as_deref(), Some("k-1"));
        for key in ["", "a b", "a\tb", "clé-1", "k-1,k-2"] {
            let error = idempotency_key(&headers("idempotency-key", key)).unwrap_err();
            assert_eq!(error.code, ErrorCode::InvalidArgument, "{key:?}");
        }
        let mut twice = given;
        twice.append("idempotency-key", "k-1".parse().unwrap());
        assert!(idempotency_key(&twice).is_err());
    }

    #[test]
    fn compressed_bodies_are_refused() {
        assert!(check_coding(&HeaderMap::new()).is_ok());
        assert!(check_coding(&headers("content-encoding", "identity")).is_ok());
        let mut twice = headers("content-encoding", "identity");
        twice.append("content-encoding", "gzip".parse().unwrap());
        for headers in [twice, headers("content-encoding", "br")] {
            let error = check_coding(&headers).unwrap_err();
            assert_eq!(error.code, ErrorCode::UnsupportedMediaType);
        }
    }
}

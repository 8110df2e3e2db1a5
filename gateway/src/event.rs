//! The event a function gets: API Gateway's HTTP payload, version 2.0.
//!
//! Source: "Create AWS Lambda proxy integrations for HTTP APIs in API Gateway", payload
//! format version. A test reads it back with the types that the functions use.

use std::collections::BTreeMap;

use serde::{Serialize, Serializer, ser::SerializeMap};
use time::OffsetDateTime;
use trichrome_proto::{
    binding::{self, HttpParts},
    contract::Operation,
    error::{ApiError, ErrorCode},
};

use crate::{
    call::{Call, Transport},
    limits,
};

/// The event that carries a call to its function.
///
/// Takes the arguments, so that a picture is held twice at most: as the body, and escaped
/// into the event.
///
/// # Errors
///
/// `INVALID_ARGUMENT` where the arguments fit no HTTP request, `PAYLOAD_TOO_LARGE` where
/// Lambda would not take the event.
pub fn encode(call: &mut Call) -> Result<Vec<u8>, ApiError> {
    let args = std::mem::take(&mut call.args);
    let parts = binding::to_http(call.operation, args)?;
    if parts
        .body
        .as_ref()
        .is_some_and(|body| body.len() > limits::MAX_BODY)
    {
        return Err(limits::body_too_large());
    }
    let event = Event::new(call, &parts);
    // Escaping grows a body by its quotes alone; the rest of an event is about 1 KiB.
    let body = parts.body.as_ref().map_or(0, String::len);
    let mut bytes = Vec::with_capacity(body + body / 64 + 2048);
    serde_json::to_writer(&mut bytes, &event)
        .map_err(|_| ApiError::new(ErrorCode::Internal, ErrorCode::Internal.fault_message()))?;
    if bytes.len() > limits::MAX_EVENT {
        return Err(limits::body_too_large());
    }
    Ok(bytes)
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Event<'a> {
    version: &'static str,
    route_key: String,
    raw_path: &'a str,
    raw_query_string: String,
    #[serde(serialize_with = "pairs")]
    headers: Vec<(&'a str, &'a str)>,
    #[serde(skip_serializing_if = "Option::is_none")]
    query_string_parameters: Option<BTreeMap<&'a str, &'a str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    path_parameters: Option<BTreeMap<&'a str, &'a str>>,
    request_context: RequestContext<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    body: Option<&'a str>,
    is_base64_encoded: bool,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct RequestContext<'a> {
    account_id: &'static str,
    api_id: &'static str,
    domain_name: &'static str,
    domain_prefix: &'static str,
    http: Http<'a>,
    request_id: &'a str,
    route_key: String,
    stage: &'static str,
    time_epoch: i64,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Http<'a> {
    method: &'a str,
    path: &'a str,
    protocol: &'static str,
    source_ip: &'static str,
    user_agent: &'static str,
}

impl<'a> Event<'a> {
    fn new(call: &'a Call, parts: &'a HttpParts) -> Self {
        let operation = call.operation;
        let mut headers: Vec<_> = call.context.headers().collect();
        headers.push(("host", DOMAIN));
        if parts.body.is_some() {
            headers.push(("content-type", "application/json"));
        }
        Self {
            version: "2.0",
            route_key: route_key(operation),
            raw_path: &parts.path,
            raw_query_string: parts.query_string(),
            headers,
            query_string_parameters: map(parts
                .query
                .iter()
                .map(|(name, value)| (name.as_str(), value.as_str()))),
            path_parameters: map(parts
                .path_parameters
                .iter()
                .map(|(name, value)| (*name, value.as_str()))),
            request_context: RequestContext {
                account_id: "anonymous",
                api_id: call.transport.api_id(),
                domain_name: DOMAIN,
                domain_prefix: "gateway",
                http: Http {
                    method: operation.http.method,
                    path: &parts.path,
                    protocol: "HTTP/1.1",
                    source_ip: "127.0.0.1",
                    user_agent: "trichrome-gateway",
                },
                request_id: &call.context.request_id,
                route_key: route_key(operation),
                stage: "$default",
                time_epoch: (OffsetDateTime::now_utc().unix_timestamp_nanos() / 1_000_000) as i64,
            },
            body: parts.body.as_deref(),
            is_base64_encoded: false,
        }
    }
}

const DOMAIN: &str = "gateway.internal";

impl Transport {
    /// Tells the function how the call came; a caller cannot set it.
    fn api_id(self) -> &'static str {
        match self {
            Self::Grpc => "trichrome-gateway:grpc",
            Self::Events => "trichrome-gateway:events",
        }
    }
}

fn route_key(operation: &Operation) -> String {
    format!("{} {}", operation.http.method, operation.http.path)
}

/// API Gateway leaves an empty map out.
fn map<'a>(pairs: impl Iterator<Item = (&'a str, &'a str)>) -> Option<BTreeMap<&'a str, &'a str>> {
    let map: BTreeMap<_, _> = pairs.collect();
    (!map.is_empty()).then_some(map)
}

fn pairs<S: Serializer>(pairs: &[(&str, &str)], to: S) -> Result<S::Ok, S::Error> {
    let mut map = to.serialize_map(Some(pairs.len()))?;
    for (name, value) in pairs {
        map.serialize_entry(name, value)?;
    }
    map.end()
}

#[cfg(test)]
mod tests {
    use aws_lambda_events::apigw::ApiGatewayV2httpRequest;
    use serde_json::json;
    use trichrome_proto::contract::{OPERATIONS, by_function};

    use super::*;
    use crate::call::tests::call;

    fn read_back(bytes: &[u8]) -> ApiGatewayV2httpRequest {
        serde_json::from_slice(bytes).unwrap()
    }

    #[test]
    fn a_create_is_a_post_with_a_body() {
        let mut call = call(
            "pictures-create",
            json!({"title": "a \"b\"", "base64": "AA=="}),
        );
        call.context.authorization = Some("Bearer t".into());
        let event = read_back(&encode(&mut call).unwrap());
        assert_eq!(event.route_key.as_deref(), Some("POST /pictures"));
        assert_eq!(event.raw_path.as_deref(), Some("/pictures"));
        assert_eq!(event.headers["authorization"], "Bearer t");
        assert_eq!(event.headers["content-type"], "application/json");
        assert_eq!(
            event.request_context.apiid.as_deref(),
            Some("trichrome-gateway:grpc")
        );
        assert_eq!(event.request_context.http.method, http::Method::POST);
        let body: serde_json::Value = serde_json::from_str(&event.body.unwrap()).unwrap();
        assert_eq!(body, json!({"title": "a \"b\"", "base64": "AA=="}));
        assert!(!event.is_base64_encoded);
    }

    #[test]
    fn a_read_has_a_path_and_a_query() {
        let mut call = call("pictures-get", json!({"picture_id": "a/b", "user_id": "é"}));
        let event = read_back(&encode(&mut call).unwrap());
        assert_eq!(event.raw_path.as_deref(), Some("/pictures/a%2Fb"));
        assert_eq!(event.path_parameters["picture_id"], "a/b");
        assert_eq!(event.raw_query_string.as_deref(), Some("user_id=%C3%A9"));
        assert_eq!(event.query_string_parameters.first("user_id"), Some("é"));
        assert_eq!(event.body, None);
    }

    #[test]
    fn every_operation_has_an_event() {
        for operation in OPERATIONS {
            let args: serde_json::Map<_, _> = operation
                .input
                .fields
                .iter()
                .filter(|field| field.rules.required)
                .map(|field| (field.name.to_owned(), json!("x")))
                .chain([("user_id".to_owned(), json!("x"))])
                .collect();
            let mut call = call(operation.function, args.into());
            let event = read_back(&encode(&mut call).unwrap());
            assert_eq!(event.route_key, Some(route_key(operation)));
        }
    }

    #[test]
    fn what_lambda_would_not_take_is_refused_here() {
        let mut call = call(
            "pictures-create",
            json!({"title": "t", "base64": "A".repeat(limits::MAX_BODY)}),
        );
        assert_eq!(
            encode(&mut call).unwrap_err().code,
            ErrorCode::PayloadTooLarge
        );
    }

    #[test]
    fn arguments_that_fit_no_request_are_the_callers_fault() {
        assert!(by_function("pictures-get").is_some());
        let mut call = call("pictures-get", json!({}));
        assert_eq!(
            encode(&mut call).unwrap_err().code,
            ErrorCode::InvalidArgument
        );
    }
}

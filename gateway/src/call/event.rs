//! The event a function gets: API Gateway's HTTP payload, version 2.0.
//!
//! Source: "Create AWS Lambda proxy integrations for HTTP APIs in API Gateway", payload
//! format version. A test reads it back with the types that the functions use.

use std::collections::BTreeMap;

use serde::{Serialize, Serializer, ser::SerializeMap};
use serde_json::Map;
use time::OffsetDateTime;
use trichrome_proto::{
    binding::{self, HttpParts},
    contract::Operation,
    error::ApiError,
};

use super::{
    args::{Args, Nested, ObjectText},
    context::Context,
    fault::internal,
    limits,
    transport::Transport,
};

/// The event that carries a call to its function.
///
/// Takes the arguments, so that a picture is held twice at most: as it came, and in the
/// event, where it is written once, into room that is enough.
///
/// # Errors
///
/// `INVALID_ARGUMENT` where the arguments fit no HTTP request, `PAYLOAD_TOO_LARGE` where
/// Lambda would not take the event.
pub(crate) fn encode(
    operation: &Operation,
    args: Args<'_>,
    context: &Context,
    transport: Transport,
) -> Result<Vec<u8>, ApiError> {
    let (body, args) = if operation.http.body {
        // All of the message: no path has parameters where there is a body.
        (Some(Body::from(args)), Map::new())
    } else {
        let fields = match args {
            Args::Fields(fields) => fields,
            Args::Text(text) => text.fields()?,
        };
        (None, fields)
    };
    let parts = binding::to_http(operation, args)?;
    // Escaping grows a body by its quotes alone; the rest of an event is about 1 KiB.
    let about = body.as_ref().map_or(0, Body::about);
    let mut bytes = Vec::with_capacity(about + about / 64 + 2048);
    let event = Event::new(operation, context, transport, &parts, body);
    serde_json::to_writer(&mut bytes, &event).map_err(|_| internal())?;
    let body = event.body.as_ref().map_or(0, Body::length);
    if body > limits::MAX_BODY || bytes.len() > limits::MAX_EVENT {
        return Err(limits::body_too_large());
    }
    Ok(bytes)
}

/// A request's body: the message's JSON, as a text.
#[derive(Serialize)]
#[serde(untagged)]
enum Body<'a> {
    Fields(Nested),
    Text(ObjectText<'a>),
}

impl<'a> From<Args<'a>> for Body<'a> {
    fn from(args: Args<'a>) -> Self {
        match args {
            Args::Fields(fields) => Self::Fields(Nested::new(fields)),
            Args::Text(text) => Self::Text(text),
        }
    }
}

impl Body<'_> {
    /// Its length, about, before it is written.
    fn about(&self) -> usize {
        match self {
            Self::Fields(fields) => fields.about(),
            Self::Text(text) => text.length(),
        }
    }

    /// Its length, once it is written.
    fn length(&self) -> usize {
        match self {
            Self::Fields(fields) => fields.length(),
            Self::Text(text) => text.length(),
        }
    }
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
    body: Option<Body<'a>>,
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
    fn new(
        operation: &'a Operation,
        context: &'a Context,
        transport: Transport,
        parts: &'a HttpParts,
        body: Option<Body<'a>>,
    ) -> Self {
        let mut headers: Vec<_> = context.headers().collect();
        headers.push(("host", DOMAIN));
        if body.is_some() {
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
                api_id: transport.api_id(),
                domain_name: DOMAIN,
                domain_prefix: "gateway",
                http: Http {
                    method: operation.http.method,
                    path: &parts.path,
                    protocol: "HTTP/1.1",
                    source_ip: "127.0.0.1",
                    user_agent: "trichrome-gateway",
                },
                request_id: &context.request_id,
                route_key: route_key(operation),
                stage: "$default",
                time_epoch: (OffsetDateTime::now_utc().unix_timestamp_nanos() / 1_000_000) as i64,
            },
            body,
            is_base64_encoded: false,
        }
    }
}

const DOMAIN: &str = "gateway.internal";

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
    use serde_json::{Value, json};
    use trichrome_proto::{
        contract::{OPERATIONS, by_function},
        error::ErrorCode,
    };

    use super::*;

    fn fields(args: Value) -> Args<'static> {
        match args {
            Value::Object(fields) => Args::Fields(fields),
            other => panic!("{other}"),
        }
    }

    fn written(function: &str, args: Args<'_>, context: &Context) -> Result<Vec<u8>, ApiError> {
        encode(
            by_function(function).unwrap(),
            args,
            context,
            Transport::Grpc,
        )
    }

    fn event(function: &str, args: Args<'_>) -> ApiGatewayV2httpRequest {
        let event = written(function, args, &Context::read(|_| None)).unwrap();
        serde_json::from_slice(&event).unwrap()
    }

    #[test]
    fn a_create_is_a_post_with_a_body() {
        let mut context = Context::read(|_| None);
        context.authorization = Some("Bearer t".into());
        let args = fields(json!({"title": "a \"b\"", "base64": "AA=="}));
        let event = written("pictures-create", args, &context).unwrap();
        let event: ApiGatewayV2httpRequest = serde_json::from_slice(&event).unwrap();
        assert_eq!(event.route_key.as_deref(), Some("POST /pictures"));
        assert_eq!(event.raw_path.as_deref(), Some("/pictures"));
        assert_eq!(event.headers["authorization"], "Bearer t");
        assert_eq!(event.headers["content-type"], "application/json");
        assert_eq!(
            event.request_context.apiid.as_deref(),
            Some("trichrome-gateway:grpc")
        );
        assert_eq!(event.request_context.http.method, http::Method::POST);
        let body: Value = serde_json::from_str(&event.body.unwrap()).unwrap();
        assert_eq!(body, json!({"title": "a \"b\"", "base64": "AA=="}));
        assert!(!event.is_base64_encoded);
    }

    #[test]
    fn what_the_caller_wrote_is_the_body() {
        let json = "{ \"title\": \"t\" }";
        let text = ObjectText::plain(json).unwrap();
        let event = event("pictures-create", Args::Text(text));
        assert_eq!(event.body.as_deref(), Some(json));
    }

    #[test]
    fn a_read_has_a_path_and_a_query() {
        let args = json!({"picture_id": "a/b", "user_id": "é"});
        let json = args.to_string();
        let text = ObjectText::plain(&json).unwrap();
        for args in [fields(args), Args::Text(text)] {
            let event = event("pictures-get", args);
            assert_eq!(event.raw_path.as_deref(), Some("/pictures/a%2Fb"));
            assert_eq!(event.path_parameters["picture_id"], "a/b");
            assert_eq!(event.raw_query_string.as_deref(), Some("user_id=%C3%A9"));
            assert_eq!(event.query_string_parameters.first("user_id"), Some("é"));
            assert_eq!(event.body, None);
        }
    }

    #[test]
    fn every_operation_has_an_event() {
        for operation in OPERATIONS {
            let args: Map<_, _> = operation
                .input
                .fields
                .iter()
                .filter(|field| field.rules.required)
                .map(|field| (field.name.to_owned(), json!("x")))
                .chain([("user_id".to_owned(), json!("x"))])
                .collect();
            let event = event(operation.function, Args::Fields(args));
            assert_eq!(event.route_key, Some(route_key(operation)));
        }
    }

    #[test]
    fn a_body_is_all_of_its_message() {
        for operation in OPERATIONS {
            let parameters = operation.http.path.contains('{');
            assert!(
                !(operation.http.body && parameters),
                "{}",
                operation.function
            );
        }
    }

    #[test]
    fn a_picture_is_written_into_room_that_is_enough() {
        let base64 = "A".repeat(4 * 1024 * 1024 / 3 * 4);
        let json = json!({"title": "t", "base64": base64}).to_string();
        let text = ObjectText::plain(&json).unwrap();
        let args = fields(json!({"title": "t", "base64": base64}));
        for args in [args, Args::Text(text)] {
            let event = written("pictures-create", args, &Context::read(|_| None)).unwrap();
            // A buffer that had grown would have doubled.
            assert!(
                event.capacity() < event.len() / 8 * 9,
                "{}",
                event.capacity()
            );
        }
    }

    #[test]
    fn what_lambda_would_not_take_is_refused_here() {
        let args = json!({"title": "t", "base64": "A".repeat(limits::MAX_BODY)});
        let json = args.to_string();
        let text = ObjectText::plain(&json).unwrap();
        for args in [fields(args), Args::Text(text)] {
            let error = written("pictures-create", args, &Context::read(|_| None)).unwrap_err();
            assert_eq!(error.code, ErrorCode::PayloadTooLarge);
        }
    }

    #[test]
    fn arguments_that_fit_no_request_are_the_callers_fault() {
        let error = written("pictures-get", fields(json!({})), &Context::read(|_| None));
        assert_eq!(error.unwrap_err().code, ErrorCode::InvalidArgument);
    }
}

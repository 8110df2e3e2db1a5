//! Encodes a call as the event that invokes its function.

use base64::{Engine as _, prelude::BASE64_STANDARD};
use serde::Serialize;
use serde_json::{Map, Value};
use trichrome_proto::{
    binding::{self, Target},
    contract::Operation,
    error::ApiError,
    json,
    wire::{Event, Transport, event, media::Form},
};

use super::{
    args::{Args, Base64, Nested, ObjectText, Sent},
    context::Context,
    fault::internal,
    limits,
};

/// The most text beside a raw body that travels in the query, in bytes: a title of the greatest
/// length fits. Percent-encoding triples it at most.
const MAX_QUERY_TEXT: usize = 2048;

/// Encodes the event for a call.
///
/// Consumes the arguments, so that a picture is in memory twice at most: as it was received and
/// in the event, whose buffer is allocated once.
///
/// # Errors
///
/// `INVALID_ARGUMENT` if the arguments don't fit an HTTP request, `PAYLOAD_TOO_LARGE` if the event
/// exceeds Lambda's limit.
pub(crate) fn encode(
    operation: &Operation,
    mut args: Args<'_>,
    context: &Context,
    transport: Transport,
) -> Result<Vec<u8>, ApiError> {
    spill_into_json(operation, &mut args);
    let target = take_target(operation, &mut args)?;
    let body = operation.http.body.then(|| Body::from(args));
    // Escaping adds little to a body, and the rest of an event is about 1 KiB.
    let estimate = body.as_ref().map_or(0, Body::estimated_length);
    let mut bytes = Vec::with_capacity(estimate + estimate / 64 + 2048);
    let event = Event::new(event::Request {
        operation,
        target: &target,
        headers: context.headers().collect(),
        api_id: transport.api_id(),
        request_id: &context.request_id,
        client: context.client,
        form: body.as_ref().map_or(Form::Json, Body::form),
        body: body.as_ref(),
    });
    serde_json::to_writer(&mut bytes, &event).map_err(|_| internal())?;
    let body = body.as_ref().map_or(0, Body::length);
    if body > limits::MAX_BODY || bytes.len() > limits::MAX_EVENT {
        return Err(limits::body_too_large());
    }
    Ok(bytes)
}

/// Puts raw bytes back into the JSON, as base64, if the other fields are too large for a query: the
/// function says what is wrong with them.
fn spill_into_json(operation: &Operation, args: &mut Args<'_>) {
    let Args::Raw(fields, _) = args else {
        return;
    };
    let texts = fields.values().filter_map(Value::as_str);
    if texts.map(str::len).sum::<usize>() <= MAX_QUERY_TEXT {
        return;
    }
    if let (Args::Raw(mut fields, bytes), Some(field)) =
        (std::mem::take(args), operation.http.raw_body)
    {
        let base64 = BASE64_STANDARD.encode(&bytes);
        fields.insert(field.to_owned(), Value::String(base64));
        *args = Args::Fields(fields);
    }
}

/// Takes the path and the query out of the arguments. Text that is the body isn't parsed as a
/// whole: it keeps the fields of the path, which the function accepts there.
fn take_target(operation: &Operation, args: &mut Args<'_>) -> Result<Target, ApiError> {
    match args {
        Args::Fields(fields) => fields_target(operation, Form::Json, fields),
        Args::Raw(fields, _) => fields_target(operation, Form::Raw, fields),
        Args::Text(text) if operation.http.body => {
            let fields = operation.input.fields.iter();
            let in_path: Vec<_> = fields
                .filter(|field| operation.http.has_path_parameter(field.name))
                .collect();
            binding::take_target(operation, Form::Json, &mut text.fields_of(&in_path)?)
        }
        Args::Text(text) => fields_target(operation, Form::Json, &mut text.fields()?),
        Args::Http { target, .. } => Ok(std::mem::take(target)),
    }
}

/// Takes the path and the query out of fields. A query is text, in which the function couldn't
/// tell `"true"` from `true`, so the types are checked here.
fn fields_target(
    operation: &Operation,
    form: Form,
    fields: &mut Map<String, Value>,
) -> Result<Target, ApiError> {
    if !operation.http.body || form == Form::Raw {
        json::decode(operation.input, fields)?;
    }
    binding::take_target(operation, form, fields)
}

/// A request's body, serialized as a string: the message's JSON, or bytes in base64.
#[derive(Serialize)]
#[serde(untagged)]
enum Body<'a> {
    Fields(Nested),
    Text(ObjectText<'a>),
    Sent(&'a str),
    Raw(Base64),
}

impl<'a> From<Args<'a>> for Body<'a> {
    fn from(args: Args<'a>) -> Self {
        match args {
            Args::Fields(fields) => Self::Fields(Nested::new(fields)),
            Args::Text(text) => Self::Text(text),
            Args::Raw(_, bytes)
            | Args::Http {
                body: Sent::Raw(bytes),
                ..
            } => Self::Raw(Base64(bytes)),
            Args::Http {
                body: Sent::Json(text),
                ..
            } => Self::Sent(text),
        }
    }
}

impl Body<'_> {
    fn form(&self) -> Form {
        match self {
            Self::Raw(_) => Form::Raw,
            Self::Fields(_) | Self::Text(_) | Self::Sent(_) => Form::Json,
        }
    }

    /// The approximate length before it is written.
    fn estimated_length(&self) -> usize {
        match self {
            Self::Fields(fields) => fields.estimated_length(),
            Self::Text(text) => text.length(),
            Self::Sent(text) => text.len(),
            Self::Raw(Base64(bytes)) => encoded_len(bytes.len()),
        }
    }

    /// The length once it is written.
    fn length(&self) -> usize {
        match self {
            Self::Fields(fields) => fields.length(),
            Self::Text(text) => text.length(),
            Self::Sent(text) => text.len(),
            Self::Raw(Base64(bytes)) => bytes.len(),
        }
    }
}

/// The length of base64 text of this many bytes, padding included.
const fn encoded_len(bytes: usize) -> usize {
    bytes.div_ceil(3) * 4
}

#[cfg(test)]
mod tests {
    use aws_lambda_events::apigw::ApiGatewayV2httpRequest;
    use bytes::Bytes;
    use serde_json::json;
    use trichrome_proto::{
        contract::{Http, OPERATIONS, by_function},
        error::ErrorCode,
    };

    use super::*;
    use crate::call::context::Authorization;

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
        context.authorization = Authorization::Given("Bearer t".into());
        let args = fields(json!({"title": "a \"b\"", "base64": "AA=="}));
        let event = written("pictures-create", args, &context).unwrap();
        let event: ApiGatewayV2httpRequest = serde_json::from_slice(&event).unwrap();
        assert_eq!(event.route_key.as_deref(), Some("POST /pictures"));
        assert_eq!(event.raw_path.as_deref(), Some("/pictures"));
        assert_eq!(event.headers["authorization"], "Bearer t");
        assert_eq!(event.headers["content-type"], "application/json");
        assert_eq!(
            event.request_context.apiid.as_deref(),
            Transport::Grpc.api_id()
        );
        assert_eq!(event.request_context.http.method, http::Method::POST);
        let body: Value = serde_json::from_str(&event.body.unwrap()).unwrap();
        assert_eq!(body, json!({"title": "a \"b\"", "base64": "AA=="}));
        assert!(!event.is_base64_encoded);
    }

    #[test]
    fn the_callers_text_is_the_body() {
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
    fn an_http_request_stays_as_it_came() {
        let query = [("x", "1"), ("x", "2"), ("limit", "é +")];
        let query = query.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let target = || Target {
            path: "/pictures/%C3%A9".to_owned(),
            path_parameters: vec![("picture_id", "é".to_owned())],
            query: query.to_vec(),
        };
        let sent = |function, body| {
            event(
                function,
                Args::Http {
                    target: target(),
                    body,
                },
            )
        };
        let read = sent("pictures-get", Sent::Json(""));
        assert_eq!(read.raw_path.as_deref(), Some("/pictures/%C3%A9"));
        let raw = "x=1&x=2&limit=%C3%A9%20%2B";
        assert_eq!(read.raw_query_string.as_deref(), Some(raw));
        assert_eq!(read.path_parameters["picture_id"], "é");
        assert_eq!(read.body, None);
        let written = sent("pictures-update", Sent::Json("{\"a\":1,\"a\":"));
        assert_eq!(written.body.as_deref(), Some("{\"a\":1,\"a\":"));
    }

    #[test]
    fn raw_bytes_are_a_body_in_base64() {
        let bytes = Bytes::from_static(&[0xff, 0, 0xd8]);
        let title = json!({"title": "é"}).as_object().unwrap().clone();
        let raw = Args::Raw(title, bytes.clone());
        let sent = Args::Http {
            target: Target {
                path: "/pictures".to_owned(),
                query: vec![("title".to_owned(), "é".to_owned())],
                ..Default::default()
            },
            body: Sent::Raw(bytes),
        };
        for args in [raw, sent] {
            let event = event("pictures-create", args);
            assert_eq!(event.raw_query_string.as_deref(), Some("title=%C3%A9"));
            assert_eq!(event.headers["content-type"], "application/octet-stream");
            assert_eq!(event.body.as_deref(), Some("/wDY"));
            assert!(event.is_base64_encoded);
        }
        // Too long for a query, which the function refuses.
        let title = json!({"title": "t".repeat(3000)})
            .as_object()
            .unwrap()
            .clone();
        let event = event(
            "pictures-create",
            Args::Raw(title, Bytes::from_static(b"x")),
        );
        assert_eq!(event.headers["content-type"], "application/json");
        assert!(event.body.unwrap().contains("\"content\":\"eA==\""));
        assert!(!event.is_base64_encoded);
    }

    #[test]
    fn a_query_has_the_types_of_its_fields() {
        for (json, message) in [
            (
                r#"{"metadata_only": "true"}"#,
                "\"metadata_only\" must be true or false",
            ),
            (r#"{"cursor": 7}"#, "\"cursor\" must be text"),
            (
                r#"{"limit": [1]}"#,
                "\"limit\" must be a whole number, 0 or more",
            ),
        ] {
            let text = ObjectText::plain(json).unwrap();
            let context = Context::read(|_| None);
            for args in [
                fields(serde_json::from_str(json).unwrap()),
                Args::Text(text),
            ] {
                let error = written("pictures-list", args, &context).unwrap_err();
                assert_eq!(error.message, message);
            }
        }
        let json = r#"{"limit": "2e1", "metadataOnly": true, "cursor": null}"#;
        let event = event(
            "pictures-list",
            Args::Text(ObjectText::plain(json).unwrap()),
        );
        let query = event.raw_query_string.as_deref();
        assert_eq!(query, Some("limit=20&metadata_only=true"));
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
            assert_eq!(event.route_key, Some(operation.http.route_key()));
        }
    }

    /// An operation with a path parameter and a body.
    fn patch() -> Operation {
        let get = by_function("pictures-get").unwrap();
        let http = Http {
            method: "PATCH",
            body: true,
            ..get.http.clone()
        };
        Operation {
            http,
            ..get.clone()
        }
    }

    #[test]
    fn a_body_goes_with_a_path_parameter() {
        let args = json!({"picture_id": "a/b", "user_id": "u"});
        let json = args.to_string();
        let quoted = serde_json::to_string(&json).unwrap();
        let plain = ObjectText::plain(&json).unwrap();
        let quoted = ObjectText::quoted(serde_json::from_str(&quoted).unwrap()).unwrap();
        let operation = patch();
        for args in [fields(args.clone()), Args::Text(plain), Args::Text(quoted)] {
            let context = Context::read(|_| None);
            let event = encode(&operation, args, &context, Transport::Events).unwrap();
            let event: ApiGatewayV2httpRequest = serde_json::from_slice(&event).unwrap();
            assert_eq!(event.raw_path.as_deref(), Some("/pictures/a%2Fb"));
            assert_eq!(event.raw_query_string.as_deref(), Some(""));
            // As the function reads it.
            let path = event.path_parameters.iter();
            let message = binding::from_http(
                &operation,
                path.map(|(name, value)| (name.as_str(), value.as_str())),
                [],
                binding::Body::Json(event.body.unwrap().as_bytes()),
            );
            assert_eq!(
                Value::Object(message.unwrap()),
                json!({"picture_id": "a/b", "user_id": "u"})
            );
        }
    }

    #[test]
    fn a_missing_path_parameter_is_the_callers_mistake() {
        let operation = patch();
        for json in ["{}", r#"{"picture_id": ""}"#, r#"{"picture_id": 7}"#] {
            let text = ObjectText::plain(json).unwrap();
            let args = fields(serde_json::from_str(json).unwrap());
            for args in [args, Args::Text(text)] {
                let context = Context::read(|_| None);
                let error = encode(&operation, args, &context, Transport::Events).unwrap_err();
                assert_eq!(error.code, ErrorCode::InvalidArgument);
                assert!(error.message.contains("picture_id"), "{}", error.message);
            }
        }
    }

    #[test]
    fn the_buffer_for_a_picture_does_not_grow() {
        let base64 = "A".repeat(4 * 1024 * 1024 / 3 * 4);
        let json = json!({"title": "t", "base64": base64}).to_string();
        let text = ObjectText::plain(&json).unwrap();
        let args = fields(json!({"title": "t", "base64": base64}));
        for args in [args, Args::Text(text)] {
            let event = written("pictures-create", args, &Context::read(|_| None)).unwrap();
            // If it had grown, its capacity would have doubled.
            assert!(
                event.capacity() < event.len() / 8 * 9,
                "{}",
                event.capacity()
            );
        }
    }

    #[test]
    fn an_event_over_lambdas_limit_is_refused() {
        let args = json!({"title": "t", "base64": "A".repeat(limits::MAX_BODY)});
        let json = args.to_string();
        let text = ObjectText::plain(&json).unwrap();
        for args in [fields(args), Args::Text(text)] {
            let error = written("pictures-create", args, &Context::read(|_| None)).unwrap_err();
            assert_eq!(error.code, ErrorCode::PayloadTooLarge);
        }
    }

    #[test]
    fn arguments_that_fit_no_request_are_the_callers_mistake() {
        let error = written("pictures-get", fields(json!({})), &Context::read(|_| None));
        assert_eq!(error.unwrap_err().code, ErrorCode::InvalidArgument);
    }
}

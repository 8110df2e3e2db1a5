//! The REST binding (`google.api.http`), both ways, over a request message as JSON.
//!
//! The function shell reads an HTTP request into a message; the gateway writes a message,
//! from gRPC or Kafka, into the same HTTP request.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Map, Value};

use crate::{
    contract::{Field, Kind, Operation, path_parameter},
    error::ApiError,
    json::{self, given_twice, parse_object},
    wire::media::Form,
};

/// What RFC 3986, section 2.3, calls unreserved stays as it is.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// The part of an HTTP request that names what it is for: everything but headers and body.
#[derive(Debug, Default, PartialEq)]
pub struct Target {
    /// The path, parameters filled in and percent-encoded.
    pub path: String,
    /// The path's parameters, decoded.
    pub path_parameters: Vec<(&'static str, String)>,
    /// The query's parameters, decoded.
    pub query: Vec<(String, String)>,
}

impl Target {
    /// The query, percent-encoded, without its question mark.
    pub fn query_string(&self) -> String {
        self.query
            .iter()
            .map(|(name, value)| format!("{}={}", encode(name), encode(value)))
            .collect::<Vec<_>>()
            .join("&")
    }
}

fn encode(text: &str) -> impl std::fmt::Display {
    utf8_percent_encode(text, RESERVED)
}

/// Takes the fields out of a request message that travel in the path or the query. The fields
/// that are left are the body, for an operation that has one. With a raw body, they travel in the
/// query.
///
/// # Errors
///
/// `INVALID_ARGUMENT` where a path parameter is missing or not text, where a query parameter is a
/// list or an object, or where a field is given under two names.
pub fn take_target(
    operation: &Operation,
    form: Form,
    args: &mut Map<String, Value>,
) -> Result<Target, ApiError> {
    json::rename(operation.input, args)?;
    let mut target = Target::default();
    for segment in operation.http.path.split('/').skip(1) {
        target.path.push('/');
        let Some(name) = path_parameter(segment) else {
            target.path.push_str(segment);
            continue;
        };
        let value = match args.remove(name) {
            Some(Value::String(text)) if !text.is_empty() => text,
            Some(Value::String(_)) | None => {
                return Err(ApiError::invalid(format!("\"{name}\" is required")));
            }
            Some(_) => return Err(ApiError::invalid(format!("\"{name}\" must be text"))),
        };
        target.path.push_str(&encode(&value).to_string());
        target.path_parameters.push((name, value));
    }
    if operation.http.body && form == Form::Json {
        return Ok(target);
    }
    for (name, value) in std::mem::take(args) {
        let text = match value {
            Value::String(text) => text,
            Value::Bool(_) | Value::Number(_) => value.to_string(),
            Value::Null | Value::Array(_) | Value::Object(_) => {
                return Err(ApiError::invalid(format!("\"{name}\" must be one value")));
            }
        };
        target.query.push((name, text));
    }
    Ok(target)
}

/// The body of an HTTP request.
#[derive(Clone, Copy, Debug)]
pub enum Body<'a> {
    /// Text that must be a JSON object, for an operation that has a body.
    Json(&'a [u8]),
    /// The bytes of one field.
    Raw,
}

/// Reads the parts of an HTTP request into a request message, which
/// [`crate::validate::request`] then checks. A field of the path isn't expected in the body; the
/// same value there is accepted. A raw body's field isn't in the message.
///
/// # Errors
///
/// `INVALID_ARGUMENT` where the body isn't a JSON object, where a field is given more than once,
/// or where two parts give one field different values.
pub fn from_http<'a>(
    operation: &Operation,
    path_parameters: impl IntoIterator<Item = (&'a str, &'a str)>,
    query: impl IntoIterator<Item = (&'a str, &'a str)>,
    body: Body<'_>,
) -> Result<Map<String, Value>, ApiError> {
    let json = match body {
        Body::Json(json) if operation.http.body => Some(json),
        Body::Json(_) | Body::Raw => None,
    };
    let mut args = if let Some(json) = json {
        parse_object(json)?
    } else {
        let mut args = Map::new();
        // Lambda's events have no order. Of several errors, the same one is reported each time.
        let mut query: Vec<_> = query.into_iter().collect();
        query.sort_unstable();
        for (name, text) in query {
            let mut fields = operation.input.fields.iter();
            let field = fields.find(|field| field.is_named(name));
            let value = typed(field, text);
            if args.insert(name.to_owned(), value).is_some() {
                return Err(given_twice(name));
            }
        }
        args
    };
    json::rename(operation.input, &mut args)?;
    if let (Body::Raw, Some(field)) = (body, operation.http.raw_body)
        && args.contains_key(field)
    {
        return Err(given_twice(field));
    }
    for (name, text) in path_parameters {
        let value = Value::String(text.to_owned());
        match args.get(name) {
            // Clients that write every field of a message leave this one empty.
            Some(other) if *other != value && *other != "" => {
                return Err(ApiError::invalid(format!(
                    "\"{name}\" differs between the path and the rest of the request"
                )));
            }
            _ => args.insert(name.to_owned(), value),
        };
    }
    Ok(args)
}

/// A query parameter as JSON. Numbers stay text, as ProtoJSON allows; text that doesn't fit stays
/// text, too, and the validation names it.
fn typed(field: Option<&Field>, text: &str) -> Value {
    match (field.map(|field| &field.kind), text.parse()) {
        (Some(Kind::Bool), Ok(value)) => Value::Bool(value),
        _ => Value::String(text.to_owned()),
    }
}

/// A response message as an HTTP answer's body, and the fields that travel as headers
/// beside it (`next_cursor` as `next-cursor`); empty ones are left out.
pub fn split_response(
    operation: &Operation,
    message: Value,
) -> (Option<Value>, Vec<(String, String)>) {
    if operation.output.is_empty() {
        return (None, Vec::new());
    }
    let Some(body_field) = operation.http.response_body else {
        return (Some(message), Vec::new());
    };
    let Value::Object(mut fields) = message else {
        return (Some(message), Vec::new());
    };
    let body = fields.remove(body_field).unwrap_or_default();
    let headers = fields
        .into_iter()
        .filter_map(|(name, value)| match value {
            Value::String(text) if !text.is_empty() => Some((header_name(&name), text)),
            _ => None,
        })
        .collect();
    (Some(body), headers)
}

/// The response message of an HTTP answer: [`split_response`], undone.
///
/// # Errors
///
/// The body is not JSON.
pub fn join_response(
    operation: &Operation,
    body: &[u8],
    header: impl Fn(&str) -> Option<String>,
) -> serde_json::Result<Value> {
    if operation.output.is_empty() {
        return Ok(Value::Object(Map::new()));
    }
    let body: Value = serde_json::from_slice(body)?;
    let Some(body_field) = operation.http.response_body else {
        return Ok(body);
    };
    let mut message = Map::new();
    for field in operation.output.fields {
        let value = if field.name == body_field {
            continue;
        } else {
            header(&header_name(field.name)).unwrap_or_default()
        };
        message.insert(field.name.to_owned(), Value::String(value));
    }
    message.insert(body_field.to_owned(), body);
    Ok(Value::Object(message))
}

/// The field of a response with which an operation redirects.
const REDIRECT: &str = "url";

/// The field that is the header `location`, for an operation whose success is a redirect.
pub fn redirect_field(operation: &Operation) -> Option<&'static str> {
    (300..400)
        .contains(&operation.http.success)
        .then_some(REDIRECT)
}

/// Where a response message redirects to.
pub fn redirect<'a>(operation: &Operation, message: &'a Value) -> Option<&'a str> {
    message.get(redirect_field(operation)?)?.as_str()
}

/// The headers that carry response fields beside a `response_body`.
pub fn response_headers(operation: &Operation) -> impl Iterator<Item = String> {
    operation
        .output
        .fields
        .iter()
        .filter(|_| operation.http.response_body.is_some())
        .filter(|field| operation.http.response_body != Some(field.name))
        .map(|field| header_name(field.name))
}

/// The header that carries a response field beside a `response_body`.
pub fn header_name(field: &str) -> String {
    field.replace('_', "-")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::contract::{Http, by_function};

    fn object(value: Value) -> Map<String, Value> {
        match value {
            Value::Object(map) => map,
            other => panic!("{other}"),
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

    fn back(
        operation: &Operation,
        target: &Target,
        body: &[u8],
    ) -> Result<Map<String, Value>, ApiError> {
        let path = target.path_parameters.iter();
        from_http(
            operation,
            path.map(|(name, value)| (*name, value.as_str())),
            target
                .query
                .iter()
                .map(|(name, value)| (name.as_str(), value.as_str())),
            Body::Json(body),
        )
    }

    #[test]
    fn a_message_survives_its_request() {
        let signup = by_function("auth-signup").unwrap();
        let by_name = by_function("users-get-by-username").unwrap();
        let get = by_function("pictures-get").unwrap();
        let list = by_function("pictures-list").unwrap();
        let delete = by_function("pictures-delete").unwrap();
        let patch = patch();
        for (operation, args) in [
            (signup, json!({"username": "é ü", "password": "a&b=c"})),
            (by_name, json!({"username": "a b&c=d/é"})),
            (get, json!({"picture_id": "p", "user_id": "u"})),
            (list, json!({"limit": 3, "metadata_only": true})),
            (delete, json!({"picture_id": "p/../q"})),
            (&patch, json!({"picture_id": "p/q", "user_id": "u"})),
            (&patch, json!({"picture_id": "p"})),
        ] {
            let args = object(args);
            let mut body = args.clone();
            let target = take_target(operation, Form::Json, &mut body).unwrap();
            assert!(operation.http.body || body.is_empty(), "{body:?}");
            let body = Value::Object(body).to_string();
            let mut read = back(operation, &target, body.as_bytes()).unwrap();
            json::decode(operation.input, &mut read).unwrap();
            assert_eq!(read, args, "{}", operation.function);
        }
    }

    #[test]
    fn reserved_characters_are_encoded() {
        let operation = by_function("pictures-get").unwrap();
        let mut args = object(json!({"picture_id": "a/b c", "user_id": "é&="}));
        let target = take_target(operation, Form::Json, &mut args).unwrap();
        assert_eq!(target.path, "/pictures/a%2Fb%20c");
        assert_eq!(target.query_string(), "user_id=%C3%A9%26%3D");
    }

    #[test]
    fn a_path_parameter_must_be_text() {
        let get = by_function("pictures-get").unwrap();
        for operation in [get, &patch()] {
            for (args, message) in [
                (json!({}), "\"picture_id\" is required"),
                (json!({"picture_id": ""}), "\"picture_id\" is required"),
                (json!({"picture_id": null}), "\"picture_id\" is required"),
                (json!({"picture_id": 7}), "\"picture_id\" must be text"),
            ] {
                let error = take_target(operation, Form::Json, &mut object(args)).unwrap_err();
                assert_eq!(error.message, message);
            }
        }
    }

    #[test]
    fn a_body_goes_with_a_path_parameter() {
        let patch = patch();
        let mut args = object(json!({"picture_id": "p", "user_id": "u"}));
        let target = take_target(&patch, Form::Json, &mut args).unwrap();
        assert_eq!(target.path, "/pictures/p");
        assert!(target.query.is_empty());
        assert_eq!(args, object(json!({"user_id": "u"})));
    }

    #[test]
    fn the_path_wins_and_the_body_must_not_differ() {
        let patch = patch();
        let read = |body: Value| {
            let body = body.to_string();
            from_http(
                &patch,
                [("picture_id", "p")],
                [],
                Body::Json(body.as_bytes()),
            )
        };
        for body in [
            json!({}),
            json!({"picture_id": "p"}),
            json!({"picture_id": ""}),
            json!({"picture_id": null}),
        ] {
            assert_eq!(read(body.clone()).unwrap()["picture_id"], "p", "{body}");
        }
        for body in [json!({"picture_id": "q"}), json!({"picture_id": 7})] {
            let error = read(body.clone()).unwrap_err();
            assert_eq!(
                error.code,
                crate::error::ErrorCode::InvalidArgument,
                "{body}"
            );
        }
    }

    #[test]
    fn a_field_cannot_come_twice() {
        let operation = by_function("pictures-get").unwrap();
        let twice = from_http(
            operation,
            [("picture_id", "p")],
            [("picture_id", "q")],
            Body::Json(b""),
        );
        assert!(twice.is_err());
        let list = by_function("pictures-list").unwrap();
        assert!(from_http(list, [], [("limit", "1"), ("limit", "2")], Body::Json(b"")).is_err());
        for (first, second) in [("b", "a"), ("a", "b")] {
            let query = [(first, "1"), (second, "1"), (second, "1"), (first, "1")];
            let error = from_http(list, [], query, Body::Json(b"")).unwrap_err();
            assert!(error.message.starts_with("\"a\""), "{}", error.message);
        }
        let names = [("user_id", "u"), ("userId", "u")];
        let error = from_http(list, [], names, Body::Json(b"")).unwrap_err();
        assert!(
            error
                .message
                .contains("\"user_id\" is given more than once")
        );
        let names = [("metadata_only", "true"), ("metadataOnly", "true")];
        assert!(from_http(list, [], names, Body::Json(b"")).is_err());
    }

    #[test]
    fn both_names_are_read() {
        let list = by_function("pictures-list").unwrap();
        let query = [("userId", "u"), ("metadataOnly", "true"), ("limit", "2e1")];
        let read = from_http(list, [], query, Body::Json(b"")).unwrap();
        let expected = json!({"user_id": "u", "metadata_only": true, "limit": "2e1"});
        assert_eq!(read, object(expected));
        let body = br#"{"userId": "u", "pictureId": null}"#;
        let read = from_http(&patch(), [("picture_id", "p")], [], Body::Json(body)).unwrap();
        assert_eq!(read, object(json!({"user_id": "u", "picture_id": "p"})));
        let body = br#"{"pictureId": "q"}"#;
        assert!(from_http(&patch(), [("picture_id", "p")], [], Body::Json(body)).is_err());
    }

    #[test]
    fn a_query_parameter_is_one_value() {
        let list = by_function("pictures-list").unwrap();
        for (args, message) in [
            (json!({"limit": [1]}), "\"limit\" must be one value"),
            (json!({"colour": {}}), "\"colour\" must be one value"),
        ] {
            let error = take_target(list, Form::Json, &mut object(args)).unwrap_err();
            assert_eq!(error.message, message);
        }
        let mut args = object(json!({"limit": 20, "metadataOnly": true, "cursor": null}));
        let target = take_target(list, Form::Json, &mut args).unwrap();
        assert_eq!(target.query_string(), "limit=20&metadata_only=true");
    }

    #[test]
    fn the_fields_beside_a_raw_body_are_in_the_query() {
        let create = by_function("pictures-create").unwrap();
        let mut args = object(json!({"title": "é & co", "userId": "u"}));
        let target = take_target(create, Form::Raw, &mut args).unwrap();
        assert!(args.is_empty());
        assert_eq!(target.query_string(), "title=%C3%A9%20%26%20co&user_id=u");
        let query = target.query.iter();
        let query = query.map(|(name, value)| (name.as_str(), value.as_str()));
        let read = from_http(create, [], query, Body::Raw).unwrap();
        assert_eq!(read, object(json!({"title": "é & co", "user_id": "u"})));
        let twice = from_http(create, [], [("content", "AA==")], Body::Raw);
        assert!(twice.unwrap_err().message.contains("more than once"));
    }

    #[test]
    fn the_list_is_bare_and_its_cursor_a_header() {
        let operation = by_function("pictures-list").unwrap();
        let message = json!({"pictures": [{"id": "p"}], "next_cursor": "c"});
        let (body, headers) = split_response(operation, message.clone());
        let body = body.unwrap();
        assert_eq!(body, json!([{"id": "p"}]));
        assert_eq!(headers, [("next-cursor".to_owned(), "c".to_owned())]);
        let back = join_response(operation, body.to_string().as_bytes(), |name| {
            headers
                .iter()
                .find(|(n, _)| n == name)
                .map(|(_, v)| v.clone())
        });
        assert_eq!(back.unwrap(), message);
    }
}

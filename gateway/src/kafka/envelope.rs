//! What a command's record says: which operation, with what, for whom.
//!
//! The value is the request message as bare JSON, or in an envelope,
//! `{"EventId":"…","Data":"<JSON text>"}`, as the clients of the Go original send it.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::value::RawValue;
use tracing::Span;
use trichrome_proto::{
    binding::parse_object,
    contract::{Operation, by_command},
    error::{ApiError, ErrorBody, ErrorCode},
};

use crate::call::{
    args::{Args, ObjectText},
    context::Context,
    fault::internal,
};

/// The longest EventId, in bytes; it becomes the create's idempotency key.
const LONGEST_EVENT_ID: usize = 128;

/// A record, by what of it matters here.
pub(crate) struct Raw<'a> {
    /// The topic it was read from.
    pub(crate) topic: &'a str,
    /// The partition it was read from.
    pub(crate) partition: i32,
    /// Its offset.
    pub(crate) offset: i64,
    /// Its key.
    pub(crate) key: Option<&'a [u8]>,
    /// Its value.
    pub(crate) value: Option<&'a [u8]>,
}

impl Raw<'_> {
    /// The id of a command that brings none.
    pub(crate) fn default_event_id(&self) -> String {
        format!("{}-{}-{}", self.topic, self.partition, self.offset)
    }
}

/// A command.
pub(crate) struct Command<'a> {
    /// Which operation.
    pub(crate) operation: &'static Operation,
    /// With what; a text is the record's own.
    pub(crate) args: Args<'a>,
    /// Under which id it is answered.
    pub(crate) event_id: String,
}

/// A record that is no command.
pub(crate) struct Rejected {
    /// The operation it names, if it does.
    pub(crate) operation: Option<&'static Operation>,
    /// Under which id that is answered.
    pub(crate) event_id: String,
    /// What is wrong with it.
    pub(crate) error: ApiError,
    /// The same, as a metric's label.
    pub(crate) reason: &'static str,
}

/// Reads a record.
///
/// # Errors
///
/// It names no operation, or its value is not JSON.
pub(crate) fn parse<'a>(record: &Raw<'a>) -> Result<Command<'a>, Rejected> {
    let (event_id, request) = parse_value(record);
    let key = record.key.and_then(|key| std::str::from_utf8(key).ok());
    let operation = key.and_then(|key| by_command(record.topic, key));
    let (reason, error) = match operation {
        Some(operation) => match request.and_then(|request| args(operation, request)) {
            Ok(args) => {
                return Ok(Command {
                    operation,
                    args,
                    event_id,
                });
            }
            Err(error) => ("unparsable", error),
        },
        None => {
            let message = format!("topic {} has no command with this key", record.topic);
            ("unknown_key", ApiError::new(ErrorCode::NotFound, message))
        }
    };
    Err(Rejected {
        operation,
        event_id,
        error,
        reason,
    })
}

/// A request in a record, not looked at yet.
enum Request<'a> {
    /// There is none.
    Empty,
    /// All of the value.
    Bare(&'a str),
    /// An object in an envelope, more leniently than the Go original.
    Object(&'a RawValue),
    /// An object's text in an envelope.
    Text(&'a RawValue),
}

/// The id to answer under, which is known even where the rest makes no sense.
fn parse_value<'a>(record: &Raw<'a>) -> (String, Result<Request<'a>, ApiError>) {
    let value = match record.value {
        // `getlogs:` with nothing behind it, as kcat sends it.
        None | Some([]) => return (record.default_event_id(), Ok(Request::Empty)),
        Some(value) => value,
    };
    let fields = std::str::from_utf8(value)
        .ok()
        .and_then(|text| Some((text, serde_json::from_str::<Fields<'_>>(text).ok()?)));
    let Some((text, mut fields)) = fields else {
        // Says what is wrong, in the contract's words.
        let error = parse_object(value).err().unwrap_or_else(internal);
        return (record.default_event_id(), Err(said_of("the value", &error)));
    };
    let Some(event_id) = fields.remove("EventId") else {
        return (record.default_event_id(), Ok(Request::Bare(text)));
    };
    match serde_json::from_str::<String>(event_id.get()) {
        Ok(id) if is_event_id(&id) => (id, parse_data(fields)),
        _ => {
            let message =
                format!("\"EventId\" must be 1 to {LONGEST_EVENT_ID} visible ASCII characters");
            (record.default_event_id(), Err(ApiError::invalid(message)))
        }
    }
}

/// The fields of an object, none of them taken apart: `Data` can be a picture.
type Fields<'a> = BTreeMap<String, &'a RawValue>;

/// The request in an envelope: JSON as text, or, more leniently, as it is.
fn parse_data(mut envelope: Fields<'_>) -> Result<Request<'_>, ApiError> {
    let data = envelope.remove("Data");
    if let Some(other) = envelope.keys().next() {
        let name: String = other.chars().take(64).collect();
        return Err(ApiError::invalid(format!(
            "unknown field {name:?}; an envelope has \"EventId\" and \"Data\""
        )));
    }
    let Some(data) = data else {
        return Ok(Request::Empty);
    };
    match data.get().as_bytes() {
        b"null" | b"\"\"" => Ok(Request::Empty),
        [b'{', ..] => Ok(Request::Object(data)),
        [b'"', ..] => Ok(Request::Text(data)),
        _ => Err(ApiError::invalid("\"Data\" must be a JSON object, as text")),
    }
}

/// The request, taken apart unless the function's HTTP request has it as its body.
fn args<'a>(operation: &Operation, request: Request<'a>) -> Result<Args<'a>, ApiError> {
    let (part, text) = match request {
        Request::Empty => return Ok(Args::default()),
        Request::Bare(text) => ("the value", ObjectText::plain(text)),
        Request::Object(object) => ("\"Data\"", ObjectText::plain(object.get())),
        Request::Text(text) => ("\"Data\"", ObjectText::quoted(text)),
    };
    let args = text.and_then(|text| {
        if operation.http.body {
            Ok(Args::Text(text))
        } else {
            text.fields().map(Args::Fields)
        }
    });
    args.map_err(|error| said_of(part, &error))
}

/// The contract speaks of a body; a record has other parts.
fn said_of(part: &str, error: &ApiError) -> ApiError {
    ApiError::new(error.code, error.message.replace("the body", part))
}

/// It travels on as a header.
fn is_event_id(id: &str) -> bool {
    (1..=LONGEST_EVENT_ID).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_graphic())
}

/// The context of a command. The EventId makes a create have one effect, unless a key of
/// its own came with it.
pub(crate) fn context<'a>(
    span: &Span,
    event_id: &str,
    header: impl Fn(&str) -> Option<&'a str>,
) -> Context {
    let mut context = Context::begin(span, header);
    context
        .idempotency_key
        .get_or_insert_with(|| event_id.to_owned());
    context
}

/// An envelope, as it is written.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Envelope<'a, D> {
    /// Which command, or which command's answer.
    #[serde(rename = "EventId")]
    pub(crate) event_id: &'a str,
    /// JSON text.
    #[serde(rename = "Data")]
    pub(crate) data: D,
}

impl<D: Serialize> Envelope<'_, D> {
    /// The envelope's bytes; its data is `about` so many.
    pub(crate) fn to_bytes(&self, about: usize) -> Vec<u8> {
        // Quotes are escaped; the rest of an envelope is its id.
        let mut bytes = Vec::with_capacity(about + about / 64 + 256);
        // Two texts always have JSON.
        let _infallible = serde_json::to_writer(&mut bytes, self);
        bytes
    }
}

/// What a failure's `Data` says.
pub(crate) fn failure_data(error: &ApiError, context: &Context) -> String {
    let body = ErrorBody::new(
        error.code,
        &error.message,
        &context.request_id,
        context.trace.id(),
    );
    serde_json::to_string(&body).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn raw<'a>(topic: &'a str, key: &'a str, value: &'a str) -> Raw<'a> {
        Raw {
            topic,
            partition: 2,
            offset: 7,
            key: Some(key.as_bytes()),
            value: Some(value.as_bytes()),
        }
    }

    fn parsed(topic: &str, key: &str, value: &str) -> (String, Value) {
        let command = parse(&raw(topic, key, value)).map_err(|r| r.error).unwrap();
        let fields = match command.args {
            Args::Fields(fields) => fields,
            Args::Text(text) => {
                assert!(command.operation.http.body);
                text.fields().unwrap()
            }
        };
        (command.event_id, Value::Object(fields))
    }

    fn rejected(topic: &str, key: &str, value: &str) -> Rejected {
        match parse(&raw(topic, key, value)) {
            Ok(_) => panic!("{value} is a command"),
            Err(rejected) => rejected,
        }
    }

    #[test]
    fn a_bare_request_gets_its_place_as_id() {
        let (id, args) = parsed("auth", "login", r#"{"username":"u","password":"p"}"#);
        assert_eq!(id, "auth-2-7");
        assert_eq!(args, json!({"username": "u", "password": "p"}));
    }

    #[test]
    fn an_envelope_brings_its_own() {
        let value = r#"{"EventId":"e","Data":"{\"picture_id\":\"p\"}"}"#;
        assert_eq!(
            parsed("pictures", "getpicture", value),
            ("e".into(), json!({"picture_id": "p"}))
        );
    }

    #[test]
    fn a_request_without_fields_may_say_nothing() {
        for value in [
            "",
            "{}",
            r#"{"EventId":"e"}"#,
            r#"{"EventId":"e","Data":""}"#,
        ] {
            assert_eq!(
                parsed("analytics", "getlogs", value).1,
                json!({}),
                "{value}"
            );
        }
    }

    #[test]
    fn data_may_be_json_as_it_is() {
        let value = r#"{"EventId":"e","Data":{"picture_id":"p"}}"#;
        assert_eq!(
            parsed("pictures", "getpicture", value).1,
            json!({"picture_id": "p"})
        );
    }

    #[test]
    fn every_key_of_the_contract_is_known() {
        assert_eq!(
            parsed("users", "getUser", "{}"),
            parsed("users", "getuser", "{}")
        );
        let unknown = rejected("users", "getpicture", r#"{"EventId":"e","Data":"{}"}"#);
        assert_eq!(unknown.error.code, ErrorCode::NotFound);
        assert_eq!(
            (unknown.reason, unknown.event_id.as_str()),
            ("unknown_key", "e")
        );
    }

    #[test]
    fn garbage_is_answered_under_its_place() {
        for garbage in [
            "not json",
            "[1]",
            "7",
            "{\"EventId\":7,\"Data\":\"{}\"}",
            "{\"EventId\":\"\"}",
        ] {
            let rejected = rejected("auth", "login", garbage);
            assert_eq!(rejected.event_id, "auth-2-7", "{garbage}");
            assert_eq!(rejected.error.code, ErrorCode::InvalidArgument);
            assert_eq!(rejected.reason, "unparsable");
        }
    }

    #[test]
    fn an_envelope_with_a_bad_letter_is_answered_under_its_id() {
        for data in [r#""{""#, "7", r#""[]""#, r#""{}","More":1"#] {
            let rejected = rejected(
                "auth",
                "login",
                &format!(r#"{{"EventId":"e","Data":{data}}}"#),
            );
            assert_eq!(rejected.event_id, "e", "{data}");
        }
        let message = rejected("auth", "login", r#"{"EventId":"e","Data":"{"}"#)
            .error
            .message;
        assert!(message.starts_with("\"Data\" is not JSON"), "{message}");
    }

    #[test]
    fn bytes_that_are_no_text_are_garbage() {
        let record = Raw {
            key: Some(b"\xff"),
            value: Some(b"\xff\xfe"),
            ..raw("auth", "", "")
        };
        assert_eq!(parse(&record).err().unwrap().reason, "unknown_key");
    }

    #[test]
    fn the_id_is_the_key_unless_one_came() {
        let given = |key: Option<&'static str>| {
            let header = move |name: &str| key.filter(|_| name == "idempotency-key");
            context(&Span::none(), "e", header).idempotency_key
        };
        assert_eq!(given(None).as_deref(), Some("e"));
        assert_eq!(given(Some("k")).as_deref(), Some("k"));
    }

    #[test]
    fn a_failure_says_what_http_says() {
        let context = Context::read(|name| (name == "x-request-id").then_some("r"));
        let data = failure_data(&ApiError::new(ErrorCode::NotFound, "m"), &context);
        let data: Value = serde_json::from_str(&data).unwrap();
        assert_eq!(
            data,
            json!({"error": {"code": "NOT_FOUND", "message": "m", "request_id": "r", "trace_id": context.trace.id()}})
        );
    }
}

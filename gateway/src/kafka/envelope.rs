//! The format of a command's record.
//!
//! The value is the request message as plain JSON, or in an envelope,
//! `{"EventId":"…","Data":"<JSON text>"}`, as the clients of the Go original send it.

use serde::Serialize;
use serde_json::value::RawValue;
use tracing::Span;
use trichrome_proto::{
    contract::{Access, Operation},
    error::{ApiError, ErrorBody},
    json,
    wire::{
        limits::MAX_EVENT_ID,
        record::{default_event_id, is_event_id},
    },
};

use super::{
    caller::{ACCESS_TOKEN, Caller, USERNAME},
    dead_letters::DeadLetterReason,
    format, operation,
};
use crate::call::{
    args::{Args, ObjectText, RawFields, raw_fields},
    context::{Context, IdempotencyKey},
};

/// The parts of a record that matter here.
pub(crate) struct Raw<'a> {
    pub(crate) topic: &'a str,
    pub(crate) partition: i32,
    pub(crate) offset: i64,
    /// In Unix milliseconds; 0 if the record has none.
    pub(crate) timestamp: i64,
    /// The header that names the operation.
    pub(crate) operation: Option<&'a str>,
    pub(crate) key: Option<&'a [u8]>,
    pub(crate) value: Option<&'a [u8]>,
}

impl Raw<'_> {
    /// The EventId of a command without one: its place and its time. A topic that is created
    /// again has the same offsets, but not at the same times.
    pub(crate) fn default_event_id(&self) -> String {
        default_event_id(self.topic, self.partition, self.offset, self.timestamp)
    }

    /// The operation that the record names.
    ///
    /// # Errors
    ///
    /// `NOT_FOUND`, with the reason.
    pub(crate) fn operation(&self) -> Result<&'static Operation, ApiError> {
        operation::find(self.topic, self.operation, self.key)
    }

    /// Whose command of this operation the record is, as far as it can be read.
    pub(crate) fn caller(
        &self,
        operation: &Operation,
        authorization: Option<&str>,
    ) -> Option<Caller> {
        if operation.access != Access::Public {
            return Caller::of(operation, authorization, |_| None);
        }
        let (_, request) = parse_value(self);
        let named = [USERNAME, ACCESS_TOKEN].map(|name| operation.input.field(name));
        let named: Vec<_> = named.into_iter().flatten().collect();
        let fields = match args(operation, request.ok()?).ok()? {
            Args::Text(text) => text.fields_of(&named).ok()?,
            Args::Fields(fields) => fields,
            Args::Http { .. } | Args::Raw(..) => return None,
        };
        Caller::of(operation, authorization, |name| {
            let field = operation.input.field(name)?;
            let value = fields.iter().find(|(given, _)| field.is_named(given));
            Some(value?.1.as_str()?.to_owned())
        })
    }
}

/// A command.
pub(crate) struct Command<'a> {
    pub(crate) operation: &'static Operation,
    pub(crate) args: Args<'a>,
    /// The EventId of its answer.
    pub(crate) event_id: String,
}

/// A record that isn't a valid command.
pub(crate) struct Rejected {
    /// The operation that the record names, if any.
    pub(crate) operation: Option<&'static Operation>,
    /// The EventId of its answer.
    pub(crate) event_id: String,
    pub(crate) error: ApiError,
    pub(crate) reason: DeadLetterReason,
}

/// Parses a record.
///
/// # Errors
///
/// The record names no operation, or the value is not JSON.
pub(crate) fn parse<'a>(record: &Raw<'a>) -> Result<Command<'a>, Rejected> {
    let (event_id, request) = parse_value(record);
    let operation = record.operation();
    let (reason, error) = match &operation {
        Ok(operation) => match request.and_then(|request| args(operation, request)) {
            Ok(args) => {
                return Ok(Command {
                    operation,
                    args,
                    event_id,
                });
            }
            Err(error) => (DeadLetterReason::Unparsable, error),
        },
        Err(error) => (DeadLetterReason::UnknownOperation, error.clone()),
    };
    Err(Rejected {
        operation: operation.ok(),
        event_id,
        error,
        reason,
    })
}

/// The request in a record, not parsed yet.
enum Request<'a> {
    Empty,
    /// The whole value.
    Bare(&'a str),
    /// A JSON object in an envelope, which the Go original doesn't accept.
    Object(&'a RawValue),
    /// A JSON object as text in an envelope.
    Text(&'a RawValue),
}

/// Parses a record's value. The EventId is known even if the rest is invalid.
fn parse_value<'a>(record: &Raw<'a>) -> (String, Result<Request<'a>, ApiError>) {
    let value = match record.value {
        // kcat sends `getlogs:` without a value.
        None | Some([]) => return (record.default_event_id(), Ok(Request::Empty)),
        Some(value) => value,
    };
    if let Some(found) = format::of_value(value) {
        let message = format!("the value is {found}; send JSON in UTF-8");
        return (record.default_event_id(), Err(ApiError::invalid(message)));
    }
    let fields = json::text(value).and_then(|text| Ok((text, raw_fields(text)?)));
    let (text, mut fields) = match fields {
        Ok(fields) => fields,
        Err(error) => {
            // Parsing it again gives the contract's error message.
            let error = json::parse_object(value).err().unwrap_or(error);
            return (record.default_event_id(), Err(about("the value", &error)));
        }
    };
    let Some(event_id) = fields.remove("EventId") else {
        return (record.default_event_id(), Ok(Request::Bare(text)));
    };
    match serde_json::from_str::<String>(event_id.get()) {
        Ok(id) if is_event_id(&id) => (id, parse_data(fields)),
        _ => {
            let message = format!(
                "\"EventId\" must be 1 to {MAX_EVENT_ID} visible ASCII characters without a comma"
            );
            (record.default_event_id(), Err(ApiError::invalid(message)))
        }
    }
}

/// The request in an envelope: JSON as text, or a JSON object.
fn parse_data(mut envelope: RawFields<'_>) -> Result<Request<'_>, ApiError> {
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

/// The request's arguments. They stay text if they become the body of the function's event.
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
    args.map_err(|error| about(part, &error))
}

/// Rewrites the contract's message about a body for another part of a record.
fn about(part: &str, error: &ApiError) -> ApiError {
    ApiError::new(error.code, error.message.replace("the body", part))
}

/// The context of a command. The EventId is its idempotency key unless the record has one.
pub(crate) fn context<'a>(
    span: &Span,
    event_id: &str,
    header: impl Fn(&str) -> Option<&'a str>,
) -> Context {
    let mut context = Context::begin(span, header);
    if context.idempotency_key == IdempotencyKey::Absent {
        context.idempotency_key = IdempotencyKey::Given(event_id.to_owned());
    }
    context
}

/// An envelope to write.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Envelope<'a, D> {
    #[serde(rename = "EventId")]
    pub(crate) event_id: &'a str,
    /// JSON text.
    #[serde(rename = "Data")]
    pub(crate) data: D,
}

impl<D: Serialize> Envelope<'_, D> {
    /// Encodes the envelope. `data_len` is the approximate length of its data.
    pub(crate) fn to_bytes(&self, data_len: usize) -> Vec<u8> {
        // Room for escaped quotes and the EventId.
        let mut bytes = Vec::with_capacity(data_len + data_len / 64 + 256);
        // Writing two strings to memory cannot fail.
        let _infallible = serde_json::to_writer(&mut bytes, self);
        bytes
    }
}

/// The `Data` of a failure's answer: the body of an HTTP error.
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
    use trichrome_proto::error::ErrorCode;

    use super::*;
    use crate::kafka::caller::tests::token;

    fn raw<'a>(topic: &'a str, key: &'a str, value: &'a str) -> Raw<'a> {
        Raw {
            topic,
            partition: 2,
            offset: 7,
            timestamp: 1_700_000_000_000,
            operation: None,
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
            Args::Http { .. } | Args::Raw(..) => panic!("a record is no HTTP request"),
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
    fn a_plain_request_gets_its_place_and_time_as_id() {
        let (id, args) = parsed("auth", "login", r#"{"username":"u","password":"p"}"#);
        assert_eq!(id, "auth-2-7-1700000000000");
        assert_eq!(args, json!({"username": "u", "password": "p"}));
    }

    #[test]
    fn a_topic_that_is_created_again_repeats_no_id() {
        let before = raw("auth", "login", "{}");
        let after = Raw {
            timestamp: before.timestamp + 1,
            ..raw("auth", "login", "{}")
        };
        assert_ne!(before.default_event_id(), after.default_event_id());
    }

    #[test]
    fn an_envelope_has_its_own_id() {
        let value = r#"{"EventId":"e","Data":"{\"picture_id\":\"p\"}"}"#;
        assert_eq!(
            parsed("pictures", "getpicture", value),
            ("e".into(), json!({"picture_id": "p"}))
        );
    }

    #[test]
    fn a_request_without_fields_may_be_empty() {
        for value in [
            "",
            "{}",
            r#"{"EventId":"e"}"#,
            r#"{"EventId":"e","Data":""}"#,
            "\u{feff}{}",
            "{\"EventId\":\"e\",\"Data\":\"\u{feff}{}\"}",
        ] {
            assert_eq!(
                parsed("analytics", "getlogs", value).1,
                json!({}),
                "{value}"
            );
        }
    }

    #[test]
    fn data_may_be_a_json_object() {
        let value = r#"{"EventId":"e","Data":{"picture_id":"p"}}"#;
        assert_eq!(
            parsed("pictures", "getpicture", value).1,
            json!({"picture_id": "p"})
        );
    }

    #[test]
    fn only_the_contracts_keys_are_known() {
        assert_eq!(
            parsed("users", "getUser", "{}"),
            parsed("users", "getuser", "{}")
        );
        let unknown = rejected("users", "getpicture", r#"{"EventId":"e","Data":"{}"}"#);
        assert_eq!(unknown.error.code, ErrorCode::NotFound);
        assert_eq!(
            (unknown.reason, unknown.event_id.as_str()),
            (DeadLetterReason::UnknownOperation, "e")
        );
    }

    #[test]
    fn an_invalid_value_is_answered_with_its_place_as_id() {
        for garbage in [
            "not json",
            "[1]",
            "7",
            "{\"EventId\":7,\"Data\":\"{}\"}",
            "{\"EventId\":\"\"}",
            "{\"EventId\":\"a,b\"}",
            "{\"EventId\":\"a\",\"EventId\":\"a\",\"Data\":\"{}\"}",
            "{\"username\":\"u\",\"username\":\"u\"}",
            "\u{feff}\u{feff}{}",
        ] {
            let rejected = rejected("auth", "login", garbage);
            assert_eq!(rejected.event_id, "auth-2-7-1700000000000", "{garbage}");
            assert_eq!(rejected.error.code, ErrorCode::InvalidArgument);
            assert_eq!(rejected.reason, DeadLetterReason::Unparsable);
        }
    }

    #[test]
    fn an_envelope_with_invalid_data_is_answered_with_its_id() {
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
    fn a_key_that_is_not_text_is_unknown() {
        let record = Raw {
            key: Some(b"\xff"),
            value: Some(b"\xff\xfe"),
            ..raw("auth", "", "")
        };
        assert_eq!(
            parse(&record).err().unwrap().reason,
            DeadLetterReason::UnknownOperation
        );
    }

    #[test]
    fn the_caller_is_found_in_both_forms() {
        let caller = |topic, key, value: &str, authorization: Option<&str>| {
            let record = raw(topic, key, value);
            let operation = record.operation().unwrap();
            let caller = record.caller(operation, authorization)?;
            Some(caller.as_str().to_owned())
        };
        let named = Some("n".to_owned());
        for value in [
            r#"{"username":"n","password":"p"}"#,
            r#"{"EventId":"e","Data":"{\"username\":\"n\"}"}"#,
            r#"{"EventId":"e","Data":{"username":"n"}}"#,
        ] {
            assert_eq!(caller("auth", "login", value, None), named, "{value}");
            assert_eq!(caller("auth", "signup", value, None), named, "{value}");
        }
        for value in ["", "{", r#"{"username":7}"#, r#"{"user":"n"}"#] {
            assert_eq!(caller("auth", "login", value, None), None, "{value}");
        }
        let (own, other) = (token("u1"), token("u2"));
        let authorization = format!("Bearer {own}");
        let got = caller("pictures", "getpicture", "garbage", Some(&authorization));
        assert_eq!(got.as_deref(), Some("u1"));
        let validated = json!({"accessToken": other}).to_string();
        let key = "validateeventsrequest";
        let got = caller("auth", key, &validated, Some(&authorization));
        assert_eq!(got.as_deref(), Some("u2"));
    }

    #[test]
    fn another_format_is_named() {
        for (value, cause) in [
            (
                "\0\0\0\0\u{7}{}",
                "schema registry's framing, with schema id 7",
            ),
            ("Obj\u{1}avro", "an Avro file"),
            ("{\0\"\0}\0", "in UTF-16"),
        ] {
            let rejected = rejected("auth", "login", value);
            assert!(rejected.error.message.starts_with("the value is "));
            assert!(
                rejected.error.message.contains(cause),
                "{value:?}: {}",
                rejected.error.message
            );
        }
    }

    #[test]
    fn the_event_id_is_the_default_idempotency_key() {
        let given = |key: Option<&'static str>| {
            let header = move |name: &str| key.filter(|_| name == "idempotency-key");
            context(&Span::none(), "e", header).idempotency_key
        };
        let key = |key: &str| IdempotencyKey::Given(key.to_owned());
        assert_eq!(given(None), key("e"));
        assert_eq!(given(Some("k")), key("k"));
        assert_eq!(given(Some("k k")), IdempotencyKey::Invalid);
    }

    #[test]
    fn a_failure_has_the_body_of_an_http_error() {
        let context = Context::read(|name| (name == "x-request-id").then_some("r"));
        let data = failure_data(&ApiError::new(ErrorCode::NotFound, "m"), &context);
        let data: Value = serde_json::from_str(&data).unwrap();
        assert_eq!(
            data,
            json!({"error": {"code": "NOT_FOUND", "message": "m", "request_id": "r", "trace_id": context.trace.id()}})
        );
    }
}

//! The operation table, compiled from the descriptors.

mod route;

pub use route::{Route, route};

/// One operation: one Lambda function, reachable over three transports.
#[derive(Debug)]
pub struct Operation {
    /// The function's name, `pictures-create`.
    pub function: &'static str,
    /// The protobuf package, `pictures`; call logs name it as the service.
    pub package: &'static str,
    /// The gRPC service, `pictures.Pictures`.
    pub grpc_service: &'static str,
    /// The rpc, `CreateUserPicture`.
    pub method: &'static str,
    /// The path of a gRPC request, `/pictures.Pictures/CreateUserPicture`.
    pub grpc_path: &'static str,
    /// The REST binding.
    pub http: Http,
    /// The Kafka command.
    pub command: Command,
    /// Who may call it.
    pub access: Access,
    /// A create that has one effect however often the same key is delivered.
    pub idempotent_by_key: bool,
    /// Calls a second that one gateway process lets through; 0 means no limit of its own.
    pub rate_limit: u32,
    /// The request message.
    pub input: &'static Message,
    /// The response message.
    pub output: &'static Message,
    /// What it does, in a sentence.
    pub doc: &'static str,
}

impl Operation {
    /// The gRPC method's full name, `pictures.Pictures/CreateUserPicture`.
    pub fn grpc_method(&self) -> &'static str {
        self.grpc_path.trim_start_matches('/')
    }
}

/// The REST binding of an operation (`google.api.http`).
#[derive(Debug)]
pub struct Http {
    /// The method, upper case.
    pub method: &'static str,
    /// The path, with parameters in braces: `/pictures/{picture_id}`.
    pub path: &'static str,
    /// Whether fields that are not in the path come in the body; else in the query.
    pub body: bool,
    /// The one response field that is the body; the others travel as headers.
    pub response_body: Option<&'static str>,
    /// The status of success.
    pub success: u16,
}

/// The Kafka record that calls an operation.
#[derive(Debug)]
pub struct Command {
    /// The topic.
    pub topic: &'static str,
    /// The keys it is known by.
    pub keys: &'static [&'static str],
}

/// A function that only a Kafka topic calls, with batches of records.
#[derive(Debug)]
pub struct Trigger {
    /// The function's name.
    pub function: &'static str,
    /// The protobuf package of its service.
    pub package: &'static str,
    /// The topic.
    pub topic: &'static str,
}

/// Who may call an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Anyone; no token is read.
    Public,
    /// Anyone with a valid token.
    User,
    /// Anyone with a valid token, on what is theirs.
    Owner,
}

/// A message's fields, by number.
#[derive(Debug)]
pub struct Message {
    /// The full name, `pictures.PictureMessage`.
    pub name: &'static str,
    /// The fields.
    pub fields: &'static [Field],
}

impl Message {
    /// The field of this name.
    pub fn field(&self, name: &str) -> Option<&'static Field> {
        self.fields.iter().find(|field| field.name == name)
    }

    /// Whether this is `google.protobuf.Empty`.
    pub fn is_empty(&self) -> bool {
        self.name == "google.protobuf.Empty"
    }
}

/// One field of a message.
#[derive(Debug)]
pub struct Field {
    /// The name, in proto and in JSON.
    pub name: &'static str,
    /// The type.
    pub kind: Kind,
    /// Whether it is a list.
    pub repeated: bool,
    /// What a request must satisfy.
    pub rules: Rules,
    /// What it is, in a sentence or two.
    pub doc: &'static str,
}

/// A field's type.
#[derive(Debug)]
pub enum Kind {
    /// Text.
    String,
    /// `true` or `false`.
    Bool,
    /// A whole number from 0 to 2^32 - 1.
    Uint32,
    /// A number.
    Double,
    /// A moment; RFC 3339 text in JSON.
    Timestamp,
    /// A message.
    Message(&'static Message),
}

/// Rules of a request field (`trichrome.rules`). Lengths count Unicode scalar values.
#[derive(Debug)]
pub struct Rules {
    /// Must be given, and not empty.
    pub required: bool,
    /// The shortest text taken, where any is given.
    pub min_length: u32,
    /// The longest text taken; 0 means the body's own limit.
    pub max_length: u32,
    /// What the text must be.
    pub format: Format,
    /// The largest number taken; 0 means the type's own limit.
    pub maximum: u32,
}

/// What a text field holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// One line: no control characters.
    Line,
    /// A UUID (RFC 9562), hyphenated.
    Uuid,
    /// Any characters; never echoed or logged.
    Secret,
    /// Base64 (RFC 4648) of a picture; never logged.
    Base64,
}

include!(concat!(env!("OUT_DIR"), "/table.rs"));

/// The operation that this function serves.
pub fn by_function(function: &str) -> Option<&'static Operation> {
    OPERATIONS
        .iter()
        .find(|operation| operation.function == function)
}

/// The operation that a gRPC request's path names.
pub fn by_grpc_path(path: &str) -> Option<&'static Operation> {
    OPERATIONS
        .iter()
        .find(|operation| operation.grpc_path == path)
}

/// The operation that a Kafka command names.
pub fn by_command(topic: &str, key: &str) -> Option<&'static Operation> {
    OPERATIONS
        .iter()
        .find(|operation| operation.command.topic == topic && operation.command.keys.contains(&key))
}

/// The topics that commands are read from, each once, in the contract's order.
pub fn command_topics() -> Vec<&'static str> {
    let mut topics = Vec::new();
    for operation in OPERATIONS {
        if !topics.contains(&operation.command.topic) {
            topics.push(operation.command.topic);
        }
    }
    topics
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn no_two_operations_share_an_address() {
        let mut seen = HashSet::new();
        for operation in OPERATIONS {
            let http = format!("{} {}", operation.http.method, operation.http.path);
            assert!(seen.insert(http.clone()), "{http}");
            assert!(seen.insert(operation.function.to_owned()));
            assert!(seen.insert(operation.grpc_path.to_owned()));
            for key in operation.command.keys {
                assert!(seen.insert(format!("{}:{key}", operation.command.topic)));
            }
        }
    }

    #[test]
    fn every_lookup_finds_every_operation() {
        for operation in OPERATIONS {
            for found in [
                by_function(operation.function),
                by_grpc_path(operation.grpc_path),
                by_command(operation.command.topic, operation.command.keys[0]),
            ] {
                assert!(std::ptr::eq(found.unwrap(), operation));
            }
        }
        assert!(by_command("users", "getUser").is_some());
        assert!(by_command("pictures", "signup").is_none());
    }

    #[test]
    fn field_numbers_are_the_originals() {
        // Clients compiled from the original's protos depend on these.
        let names = |message: &Message| message.fields.iter().map(|f| f.name).collect::<Vec<_>>();
        let create = by_function("pictures-create").unwrap();
        assert_eq!(names(create.input), ["title", "base64", "user_id"]);
        assert_eq!(
            names(create.output)[..4],
            ["id", "title", "base64", "user_id"]
        );
        let log = by_function("analytics-log").unwrap();
        assert_eq!(names(log.input)[..3], ["transport", "service", "method"]);
    }
}

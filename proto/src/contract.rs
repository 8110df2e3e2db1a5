//! The operation table, compiled from the `.proto` files.

mod route;

pub use route::{Route, route};

/// One operation: one Lambda function, reachable over REST, gRPC and Kafka.
#[derive(Clone, Debug)]
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
    /// Whether requests with the same idempotency key have one effect.
    pub idempotent_by_key: bool,
    /// Calls per second that one gateway process allows, or with a cache all of them together; 0
    /// means unlimited.
    pub rate_limit: u32,
    /// Whether successful responses may be kept by caller.
    pub cacheable: bool,
    /// Whether a call evicts the responses that are kept for its caller.
    pub evicts: bool,
    /// The request message.
    pub input: &'static Message,
    /// The response message.
    pub output: &'static Message,
    /// The rpc's comment.
    pub doc: &'static str,
}

impl Operation {
    /// The gRPC method's full name, `pictures.Pictures/CreateUserPicture`.
    pub fn grpc_method(&self) -> &'static str {
        self.grpc_path.trim_start_matches('/')
    }
}

/// The REST binding of an operation (`google.api.http`).
#[derive(Clone, Debug)]
pub struct Http {
    /// The method, upper case.
    pub method: &'static str,
    /// The path, with parameters in braces: `/pictures/{picture_id}`.
    pub path: &'static str,
    /// Whether fields that aren't in the path are in the body; otherwise they are in the query.
    pub body: bool,
    /// The field of type `bytes` that a [raw body](crate::wire::media) fills.
    pub raw_body: Option<&'static str>,
    /// The response field that is the body; the others are headers.
    pub response_body: Option<&'static str>,
    /// The status on success.
    pub success: u16,
}

impl Http {
    /// API Gateway's name of the route, `GET /pictures/{picture_id}`.
    pub fn route_key(&self) -> String {
        format!("{} {}", self.method, self.path)
    }

    /// The path's parameters.
    pub fn path_parameters(&self) -> impl Iterator<Item = &'static str> {
        self.path.split('/').filter_map(path_parameter)
    }

    /// Whether the path has a parameter of this name.
    pub fn has_path_parameter(&self, name: &str) -> bool {
        self.path_parameters().any(|parameter| parameter == name)
    }
}

/// The name of the parameter in a segment of a path.
pub(crate) fn path_parameter(segment: &'static str) -> Option<&'static str> {
    segment.strip_prefix('{')?.strip_suffix('}')
}

/// The Kafka record that calls an operation.
#[derive(Clone, Debug)]
pub struct Command {
    /// The topic.
    pub topic: &'static str,
    /// The record keys that call the operation.
    pub keys: &'static [&'static str],
}

/// A function called with batches of a Kafka topic's records.
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
    /// Anyone. No token is read.
    Public,
    /// Anyone with a valid token.
    User,
    /// Anyone with a valid token, for their own data.
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
    /// The field of this proto name.
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
    /// The name in proto, and in the JSON that the service writes.
    pub name: &'static str,
    /// The lowerCamelCase name, which JSON requests may use as well.
    pub json_name: &'static str,
    /// The type.
    pub kind: Kind,
    /// Whether it is a list.
    pub repeated: bool,
    /// What a request's value must satisfy.
    pub rules: Rules,
    /// The field's comment.
    pub doc: &'static str,
}

impl Field {
    /// Whether a JSON request may call the field by this name.
    pub fn is_named(&self, name: &str) -> bool {
        self.name == name || self.json_name == name
    }
}

/// A field's type.
#[derive(Debug)]
pub enum Kind {
    /// Text.
    String,
    /// Bytes; base64 (RFC 4648, section 4) in JSON. Never logged.
    Bytes,
    /// `true` or `false`.
    Bool,
    /// A whole number from 0 to 2^32 - 1.
    Uint32,
    /// A number.
    Double,
    /// A point in time; RFC 3339 text in JSON.
    Timestamp,
    /// A message.
    Message(&'static Message),
}

/// Rules of a request field (`buf.validate`). Lengths count Unicode scalar values. Only
/// `required` applies to empty text, to an empty list and to zero.
#[derive(Debug)]
pub struct Rules {
    /// Whether the field must be present and not empty.
    pub required: bool,
    /// The minimum length of text.
    pub min_len: u32,
    /// The maximum length of text.
    pub max_len: Option<u32>,
    /// What a text contains.
    pub format: Format,
    /// The minimum of a number.
    pub gte: u32,
    /// The maximum of a number.
    pub lte: Option<u32>,
    /// The maximum length of a list.
    pub max_items: Option<u32>,
}

/// What a text field contains: `string.uuid` or `trichrome.format`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// One line of text, without control characters.
    Line,
    /// A UUID (RFC 9562), hyphenated.
    Uuid,
    /// Any characters; never returned or logged.
    Secret,
    /// Base64 (RFC 4648) of a picture; never logged.
    Base64,
    /// A URL that lets anyone who has it read or write something; never logged.
    Link,
}

include!(concat!(env!("OUT_DIR"), "/table.rs"));

/// Finds the operation of a function.
pub fn by_function(function: &str) -> Option<&'static Operation> {
    OPERATIONS
        .iter()
        .find(|operation| operation.function == function)
}

/// Finds the operation of a gRPC request's path.
pub fn by_grpc_path(path: &str) -> Option<&'static Operation> {
    OPERATIONS
        .iter()
        .find(|operation| operation.grpc_path == path)
}

/// Finds the operation of a Kafka command: its topic, and what its header or its key names.
pub fn by_command(topic: &str, key: &str) -> Option<&'static Operation> {
    OPERATIONS
        .iter()
        .find(|operation| operation.command.topic == topic && operation.command.keys.contains(&key))
}

/// The operations whose commands are on a topic.
pub fn commands_on(topic: &str) -> impl Iterator<Item = &'static Operation> {
    OPERATIONS
        .iter()
        .filter(move |operation| operation.command.topic == topic)
}

/// The topics of all commands, without duplicates.
pub fn command_topics() -> Vec<&'static str> {
    let mut topics = Vec::new();
    for operation in OPERATIONS {
        if !topics.contains(&operation.command.topic) {
            topics.push(operation.command.topic);
        }
    }
    topics
}

/// The HTTP methods of all operations, without duplicates, in alphabetical order.
pub fn http_methods() -> Vec<&'static str> {
    let mut methods: Vec<_> = OPERATIONS
        .iter()
        .map(|operation| operation.http.method)
        .collect();
    methods.sort_unstable();
    methods.dedup();
    methods
}

#[cfg(test)]
mod tests {
    use super::*;

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

    /// Each operation of a service with cacheable ones is a read or evicts.
    #[test]
    fn writes_evict_what_reads_keep() {
        let of = |wanted: fn(&Operation) -> bool| {
            let found = OPERATIONS.iter().filter(|operation| wanted(operation));
            found
                .map(|operation| operation.function)
                .collect::<Vec<_>>()
        };
        assert_eq!(
            of(|operation| operation.cacheable),
            ["pictures-list", "pictures-index", "pictures-get"]
        );
        assert_eq!(
            of(|operation| operation.evicts),
            of(|operation| operation.package == "pictures" && operation.http.method != "GET")
        );
    }

    #[test]
    fn field_numbers_stay_those_of_the_original() {
        // Clients compiled from the original's protos depend on these.
        let names = |message: &Message| message.fields.iter().map(|f| f.name).collect::<Vec<_>>();
        let create = by_function("pictures-create").unwrap();
        assert_eq!(names(create.input)[..3], ["title", "base64", "user_id"]);
        assert_eq!(
            names(create.output)[..4],
            ["id", "title", "base64", "user_id"]
        );
        let log = by_function("analytics-log").unwrap();
        assert_eq!(names(log.input)[..3], ["transport", "service", "method"]);
    }
}

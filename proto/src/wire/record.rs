//! Topics, keys and headers of Kafka records, apart from the contract's commands.

use super::{header::is_id, limits};

/// The topic of answers to commands.
pub const RESULTS: &str = "results";
/// The key of every answer.
pub const RESPONSE_KEY: &str = "response";
/// The header of an answer that holds its HTTP status.
pub const STATUS: &str = "status";
/// The header of an answer that holds its command's EventId. With it, other replicas of the
/// gateway needn't parse an answer of megabytes to find that it isn't theirs.
pub const EVENT_ID: &str = "event-id";

/// The header of a command that holds its deadline, in Unix milliseconds. A command whose deadline
/// has passed is answered with the status 504 and not run.
pub const DEADLINE: &str = "deadline";

/// The headers of a dead letter.
pub mod dead_letter {
    /// Why the record was moved.
    pub const REASON: &str = "dlq-reason";
    /// The error code's name.
    pub const ERROR_CODE: &str = "dlq-error-code";
    /// The error's message.
    pub const ERROR_MESSAGE: &str = "dlq-error-message";
    /// The topic that the record was read from.
    pub const TOPIC: &str = "dlq-topic";
    /// The partition that the record was read from.
    pub const PARTITION: &str = "dlq-partition";
    /// The record's offset.
    pub const OFFSET: &str = "dlq-offset";
}

/// The topic that holds the dead letters of `topic`.
pub fn dead_letter_topic(topic: &str) -> String {
    format!("{topic}.dlq")
}

/// Whether a text is a valid EventId. It becomes a header's value.
pub fn is_event_id(id: &str) -> bool {
    is_id(id, limits::MAX_EVENT_ID)
}

/// The EventId of a command without one, from its record's place and timestamp, in Unix
/// milliseconds. The timestamp distinguishes records of a topic that was created again.
pub fn default_event_id(topic: &str, partition: i32, offset: i64, timestamp: i64) -> String {
    format!("{topic}-{partition}-{offset}-{timestamp}")
}

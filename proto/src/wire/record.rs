//! Topics, keys and headers of Kafka records, apart from the contract's commands.
//!
//! Header names are case-insensitive. Of a header that a record has more than once, the last one
//! counts, as for Kafka's own clients (`Headers.lastHeader`): interceptors and tracing libraries
//! append theirs to the headers that a program forwards.

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

/// The header of a command that names its operation, by one of the contract's keys. Without it, the
/// record's key names the operation. With it, the key is free.
pub const OPERATION: &str = "operation";

/// The header of a command that names the topic for its answer: [`RESULTS`], or one that
/// [starts](is_reply_topic) with `results.` and exists.
pub const REPLY_TO: &str = "reply-to";

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

/// The longest name of a topic (Apache Kafka, `Topic.MAX_NAME_LENGTH`).
const MAX_TOPIC: usize = 249;

/// Whether answers may be sent to a topic of this name. The prefix keeps commands from writing to
/// other topics with the gateway's permissions.
pub fn is_reply_topic(name: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    let own = name
        .strip_prefix(RESULTS)
        .and_then(|rest| rest.strip_prefix('.'));
    name == RESULTS
        || own.is_some_and(|own| !own.is_empty())
            && name.len() <= MAX_TOPIC
            && name.bytes().all(allowed)
}

/// The partition of `results`, or of a client's own topic, that has a command's answer: Kafka's
/// default for the EventId as key, so that a client can compute it with its own library.
pub fn answer_partition(event_id: &str, partitions: u32) -> u32 {
    (murmur2(event_id.as_bytes()) & 0x7fff_ffff) % partitions.max(1)
}

/// The hash of Kafka's default partitioner (`org.apache.kafka.common.utils.Utils.murmur2`).
fn murmur2(data: &[u8]) -> u32 {
    const SEED: u32 = 0x9747_b28c;
    const M: u32 = 0x5bd1_e995;
    const R: u32 = 24;
    let (words, rest) = data.as_chunks::<4>();
    // Kafka's records are shorter than 2 GiB.
    let mut hash = SEED ^ data.len() as u32;
    for word in words {
        let mut k = u32::from_le_bytes(*word).wrapping_mul(M);
        k ^= k >> R;
        hash = hash.wrapping_mul(M) ^ k.wrapping_mul(M);
    }
    if !rest.is_empty() {
        let last = rest
            .iter()
            .rev()
            .fold(0, |word, byte| word << 8 | u32::from(*byte));
        hash = (hash ^ last).wrapping_mul(M);
    }
    hash ^= hash >> 13;
    hash = hash.wrapping_mul(M);
    hash ^ hash >> 15
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_go_to_topics_of_results_only() {
        let longest = format!("results.{}", "x".repeat(MAX_TOPIC - 8));
        for name in ["results", "results.billing", "results.a-b_c.1", &longest] {
            assert!(is_reply_topic(name), "{name}");
        }
        let too_long = format!("{longest}x");
        for name in [
            "",
            "auth",
            "results.",
            "resultsx",
            "results-x",
            "Results",
            "results.a b",
            "results.é",
            "x.results",
            " results",
            "results.dlq\n",
            &too_long,
        ] {
            assert!(!is_reply_topic(name), "{name:?}");
        }
    }

    /// The values are those of Apache Kafka's own test, `UtilsTest.testMurmur2`.
    #[test]
    fn the_partition_is_kafkas() {
        for (text, hash) in [
            ("21", -973_932_308),
            ("foobar", -790_332_482),
            ("a-little-bit-long-string", -985_981_536),
            ("a-little-bit-longer-string", -1_486_304_829),
            (
                "lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8",
                -58_897_971,
            ),
            ("abc", 479_470_107),
        ] {
            assert_eq!(murmur2(text.as_bytes()).cast_signed(), hash, "{text}");
        }
        assert_eq!(answer_partition("abc", 3), 479_470_107 % 3);
        assert_eq!(answer_partition("abc", 0), 0);
    }
}

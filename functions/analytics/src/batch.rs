//! The event and response of `analytics-ingest`: a batch of records of Kafka or of messages of SQS,
//! and those that failed.
//!
//! A record is handled in one of three ways:
//! - It contains an entry: the entry is stored, once however often the record is delivered.
//! - It contains none (not JSON, not a call log): retries can't help. The other entries of the
//!   batch are stored, and the response lists this record in `batchItemFailures`.
//! - The database doesn't respond: the invocation fails, and the whole batch is redelivered.

use serde::{Deserialize, Serialize};

use crate::{Position, Record, Refused, kafka, sqs};

/// AWS's event for a batch.
#[derive(Clone, Debug, Deserialize)]
#[serde(transparent)]
pub struct Event(Source);

#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
enum Source {
    Sqs(sqs::Event),
    Kafka(kafka::Event),
}

impl Event {
    /// The records of the batch.
    pub fn into_records(self) -> Box<dyn Iterator<Item = Record> + Send> {
        match self.0 {
            Source::Sqs(event) => Box::new(event.into_records()),
            Source::Kafka(event) => Box::new(event.into_records()),
        }
    }
}

/// The response: the records that failed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Response {
    batch_item_failures: Vec<Failure>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
struct Failure {
    item_identifier: Item,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(untagged)]
enum Item {
    Record {
        /// `<topic>-<partition>`.
        partition: String,
        offset: i64,
    },
    /// The id.
    Message(String),
}

impl From<Vec<Refused>> for Response {
    fn from(refused: Vec<Refused>) -> Self {
        let failure = |refused: Refused| Failure {
            item_identifier: match refused.position {
                Position::Partition { stream, offset } => Item::Record {
                    partition: stream,
                    offset,
                },
                Position::Message(id) => Item::Message(id),
            },
        };
        Self {
            batch_item_failures: refused.into_iter().map(failure).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Refusal;

    fn response_to(event: &str) -> String {
        let event: Event = serde_json::from_str(event).unwrap();
        let refused = event.into_records().map(|record| Refused {
            position: record.position,
            reason: Refusal::Empty,
        });
        serde_json::to_string(&Response::from(refused.collect::<Vec<_>>())).unwrap()
    }

    #[test]
    fn each_source_is_answered_in_its_format() {
        let kafka = r#"{"eventSource":"aws:kafka","records":{"t-0":[
            {"topic":"t","partition":0,"offset":16,"value":null}]}}"#;
        assert_eq!(
            response_to(kafka),
            r#"{"batchItemFailures":[{"itemIdentifier":{"partition":"t-0","offset":16}}]}"#
        );
        let sqs = r#"{"Records":[{"messageId":"m-1","body":"?","eventSource":"aws:sqs"}]}"#;
        assert_eq!(
            response_to(sqs),
            r#"{"batchItemFailures":[{"itemIdentifier":"m-1"}]}"#
        );
        for empty in ["{}", r#"{"Records":[]}"#, r#"{"records":{"t-0":[]}}"#] {
            assert_eq!(response_to(empty), r#"{"batchItemFailures":[]}"#);
        }
    }
}

//! The edge of `analytics-ingest`: the event with which AWS calls a function for a batch of
//! Kafka records, and the answer that it reads. A native event source (Amazon MSK or a
//! self-managed cluster) and the gateway's trigger speak it alike.
//!
//! What becomes of a record:
//! - It holds an entry: the entry is kept. Delivered again, it is the same entry.
//! - It holds none (no JSON, not a call log): no retry will ever help. The others of its
//!   batch are kept, and the answer names this one in `batchItemFailures`.
//! - The database does not answer: the call fails, and the whole batch comes again.
//!
//! What the caller makes of a name in `batchItemFailures`: the gateway tries that record, and
//! no other, a few times more and then puts it in the dead-letter topic. AWS, with
//! `ReportBatchItemFailures` on, tries the record and all after it in its partition again,
//! which are in the table by then, up to `MaximumRetryAttempts` times, and sends them to the
//! on-failure destination; so that mapping must set both, or a poison record blocks its
//! partition for as long as the topic keeps it. With `ReportBatchItemFailures` off AWS does
//! not read the answer and moves on: the warning in the log is all that is left of the
//! record.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

use crate::{Position, Record, Refusal, Refused};

/// AWS's Kafka event, as much of it as is needed: `aws_lambda_events::kafka::KafkaEvent`
/// refuses a record without headers or with a null among them, and keeps all of them.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct Event {
    /// By `<topic>-<partition>`.
    #[serde(default)]
    records: BTreeMap<String, Vec<EventRecord>>,
}

#[derive(Clone, Debug, Deserialize)]
struct EventRecord {
    topic: Option<String>,
    partition: i64,
    offset: i64,
    /// Milliseconds since 1970; negative where the broker keeps none.
    timestamp: Option<i64>,
    /// Base64.
    value: Option<String>,
}

impl Event {
    /// The records, partition by partition.
    pub fn into_records(self) -> impl Iterator<Item = Record> {
        self.records
            .into_iter()
            .flat_map(|(key, records)| records.into_iter().map(move |record| record.read(&key)))
    }
}

impl EventRecord {
    fn read(self, key: &str) -> Record {
        let stream = match self.topic {
            Some(topic) => format!("{topic}-{}", self.partition),
            None => key.to_owned(),
        };
        Record {
            position: Position {
                stream,
                offset: self.offset,
            },
            written_at: self
                .timestamp
                .filter(|millis| *millis >= 0)
                .and_then(|millis| {
                    OffsetDateTime::from_unix_timestamp_nanos(i128::from(millis) * 1_000_000).ok()
                }),
            value: match self.value {
                Some(value) => STANDARD.decode(value).map_err(|_| Refusal::Base64),
                None => Err(Refusal::Empty),
            },
        }
    }
}

/// The answer: which records were not taken.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Answer {
    batch_item_failures: Vec<Failure>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
struct Failure {
    item_identifier: Item,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
struct Item {
    /// `<topic>-<partition>`.
    partition: String,
    offset: i64,
}

impl From<Vec<Refused>> for Answer {
    fn from(refused: Vec<Refused>) -> Self {
        let failure = |refused: Refused| Failure {
            item_identifier: Item {
                partition: refused.position.stream,
                offset: refused.position.offset,
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

    /// As AWS documents it, with what its brokers are known to leave out.
    const EVENT: &str = r#"{
        "eventSource": "aws:kafka",
        "eventSourceArn": "arn:aws:kafka:us-east-1:123456789012:cluster/c/1",
        "bootstrapServers": "b-1.example:9098,b-2.example:9098",
        "records": {
            "analyticsdata-0": [
                {"topic": "analyticsdata", "partition": 0, "offset": 15, "timestamp": 1790856000500,
                 "timestampType": "CREATE_TIME", "key": "a2V5", "value": "eyJ0ZXN0IjoxfQ==",
                 "headers": [{"traceparent": [48, -17, 127, -128]}]},
                {"topic": "analyticsdata", "partition": 0, "offset": 16, "timestamp": -1,
                 "timestampType": "NO_TIMESTAMP_TYPE", "key": null, "value": null, "headers": []}
            ],
            "analyticsdata-1": [
                {"partition": 1, "offset": 7, "value": "not base64!"}
            ]
        }
    }"#;

    fn records(event: &str) -> Vec<Record> {
        let event: Event = serde_json::from_str(event).unwrap();
        event.into_records().collect()
    }

    #[test]
    fn awss_event_is_read() {
        let records = records(EVENT);
        assert_eq!(records.len(), 3);
        assert_eq!(records[0].position.stream, "analyticsdata-0");
        assert_eq!(records[0].position.offset, 15);
        assert_eq!(
            records[0].written_at.unwrap().unix_timestamp_nanos(),
            1_790_856_000_500_000_000
        );
        assert_eq!(records[0].value.as_deref().unwrap(), br#"{"test":1}"#);
        assert!(matches!(records[1].value, Err(Refusal::Empty)));
        assert_eq!(records[1].written_at, None);
        // Without a topic the map's key says which.
        assert_eq!(records[2].position.stream, "analyticsdata-1");
        assert!(matches!(records[2].value, Err(Refusal::Base64)));
    }

    #[test]
    fn the_record_and_not_the_key_says_where_it_lies() {
        let event =
            r#"{"records":{"whatever":[{"topic":"a-b","partition":12,"offset":1,"value":""}]}}"#;
        assert_eq!(records(event)[0].position.stream, "a-b-12");
    }

    #[test]
    fn an_event_without_records_is_empty() {
        assert!(records("{}").is_empty());
        assert!(records(r#"{"records":{"t-0":[]}}"#).is_empty());
    }

    #[test]
    fn the_answer_is_awss() {
        let refused = records(EVENT)
            .into_iter()
            .filter_map(|record| {
                Some(Refused {
                    position: record.position,
                    reason: record.value.err()?,
                })
            })
            .collect::<Vec<_>>();
        let answer = serde_json::to_string(&Answer::from(refused)).unwrap();
        assert_eq!(
            answer,
            r#"{"batchItemFailures":[{"itemIdentifier":{"partition":"analyticsdata-0","offset":16}},{"itemIdentifier":{"partition":"analyticsdata-1","offset":7}}]}"#
        );
        let none = serde_json::to_string(&Answer::default()).unwrap();
        assert_eq!(none, r#"{"batchItemFailures":[]}"#);
    }
}

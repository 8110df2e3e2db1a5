//! The event and response of `analytics-ingest`: AWS's Kafka event with a batch of records, and
//! the records that failed. Native event sources (Amazon MSK or a self-managed cluster) and the
//! gateway's trigger use the same format.
//!
//! A record is handled in one of three ways:
//! - It contains an entry: the entry is stored, once however often the record is delivered.
//! - It contains none (not JSON, not a call log): retries can't help. The other entries of the
//!   batch are stored, and the response lists this record in `batchItemFailures`.
//! - The database doesn't respond: the invocation fails, and the whole batch is redelivered.
//!
//! The gateway retries a listed record alone a few times, and then produces it to the
//! dead-letter topic. AWS, with `ReportBatchItemFailures`, retries the record and all after it
//! in its partition, which are in the table by then, up to `MaximumRetryAttempts` times, and
//! sends them to the on-failure destination. The event source mapping must set both, or a poison
//! record blocks its partition as long as the topic retains it. Without
//! `ReportBatchItemFailures`, AWS ignores the response and continues: only the warning in the
//! log remains.

use std::collections::BTreeMap;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

use crate::{Position, Record, Refusal, Refused};

/// The needed part of AWS's Kafka event. `aws_lambda_events::kafka::KafkaEvent` isn't used
/// because it refuses a record without headers, or with a null among them, and keeps all headers.
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
    /// Milliseconds since 1970; negative if there is none.
    timestamp: Option<i64>,
    /// Base64.
    value: Option<String>,
}

impl Event {
    /// The records, by partition.
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
struct Item {
    /// `<topic>-<partition>`.
    partition: String,
    offset: i64,
}

impl From<Vec<Refused>> for Response {
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

    /// AWS's documented event, with the fields that brokers are known to omit.
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
    fn the_event_of_aws_is_read() {
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
        // Without a topic, the key of the map is used.
        assert_eq!(records[2].position.stream, "analyticsdata-1");
        assert!(matches!(records[2].value, Err(Refusal::Base64)));
    }

    #[test]
    fn the_position_comes_from_the_record_not_the_key() {
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
    fn the_response_has_the_format_of_aws() {
        let refused = records(EVENT)
            .into_iter()
            .filter_map(|record| {
                Some(Refused {
                    position: record.position,
                    reason: record.value.err()?,
                })
            })
            .collect::<Vec<_>>();
        let response = serde_json::to_string(&Response::from(refused)).unwrap();
        assert_eq!(
            response,
            r#"{"batchItemFailures":[{"itemIdentifier":{"partition":"analyticsdata-0","offset":16}},{"itemIdentifier":{"partition":"analyticsdata-1","offset":7}}]}"#
        );
        let none = serde_json::to_string(&Response::default()).unwrap();
        assert_eq!(none, r#"{"batchItemFailures":[]}"#);
    }
}

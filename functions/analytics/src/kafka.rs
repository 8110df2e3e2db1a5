//! AWS's Kafka event with a batch of records. Native event sources (Amazon MSK or a self-managed
//! cluster) and the gateway's trigger use the same format.
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
use serde::Deserialize;

use crate::{Position, Record, Refusal, instant};

/// The needed part of AWS's Kafka event. `aws_lambda_events::kafka::KafkaEvent` isn't used
/// because it refuses a record without headers, or with a null among them, and keeps all headers.
#[derive(Clone, Debug, Default, Deserialize)]
pub(crate) struct Event {
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
    pub(crate) fn into_records(self) -> impl Iterator<Item = Record> {
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
            position: Position::Partition {
                stream,
                offset: self.offset,
            },
            written_at: self.timestamp.and_then(instant::from_millis),
            value: match self.value {
                Some(value) => STANDARD.decode(value).map_err(|_| Refusal::Base64),
                None => Err(Refusal::Empty),
            },
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
        let position = |stream: &str, offset| Position::Partition {
            stream: stream.to_owned(),
            offset,
        };
        assert_eq!(records[0].position, position("analyticsdata-0", 15));
        assert_eq!(
            records[0].written_at.unwrap().unix_timestamp_nanos(),
            1_790_856_000_500_000_000
        );
        assert_eq!(records[0].value.as_deref().unwrap(), br#"{"test":1}"#);
        assert!(matches!(records[1].value, Err(Refusal::Empty)));
        assert_eq!(records[1].written_at, None);
        // Without a topic, the key of the map is used.
        assert_eq!(records[2].position, position("analyticsdata-1", 7));
        assert!(matches!(records[2].value, Err(Refusal::Base64)));
    }

    #[test]
    fn the_position_comes_from_the_record_not_the_key() {
        let event =
            r#"{"records":{"whatever":[{"topic":"a-b","partition":12,"offset":1,"value":""}]}}"#;
        let expected = Position::Partition {
            stream: "a-b-12".to_owned(),
            offset: 1,
        };
        assert_eq!(records(event)[0].position, expected);
    }

    #[test]
    fn an_event_without_records_is_empty() {
        assert!(records("{}").is_empty());
        assert!(records(r#"{"records":{"t-0":[]}}"#).is_empty());
    }
}

//! A batch of records as an event, in the format of AWS's Kafka event sources.
//!
//! Source: "Using Lambda with self-managed Apache Kafka", example event, and "Configuring
//! error handling for Kafka event sources", the report of failed records.

use std::collections::{BTreeMap, HashSet};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use rdkafka::{
    Timestamp,
    message::{Headers as _, Message as _, OwnedMessage},
};
use serde::{Deserialize, Serialize, Serializer};
use serde_json::{Map, Value};

use super::tracker::Ticket;

/// A record and its ticket.
pub(crate) struct Item {
    pub(crate) ticket: Ticket,
    pub(crate) message: OwnedMessage,
}

impl Item {
    /// Identifies the record in a report of failures.
    fn identifier(&self) -> (String, i64) {
        (self.partition_name(), self.message.offset())
    }

    fn partition_name(&self) -> String {
        format!("{}-{}", self.message.topic(), self.message.partition())
    }

    /// The approximate number of bytes that the record takes in the event.
    pub(crate) fn encoded_len(&self) -> usize {
        // Names, numbers and braces.
        const FRAME: usize = 200;
        let length = |part: Option<&[u8]>| part.map_or(0, <[u8]>::len);
        let bytes = length(self.message.key()) + length(self.message.payload());
        let headers: usize = self.message.headers().map_or(0, |headers| {
            // Each byte is a signed number and a comma: up to 5 characters.
            headers
                .iter()
                .map(|header| header.key.len() + 5 * length(header.value) + 8)
                .sum()
        });
        // Base64 takes 4 characters for 3 bytes.
        FRAME + bytes.div_ceil(3) * 4 + headers
    }
}

/// Encodes the event for a batch.
pub(crate) fn encode(bootstrap: &str, items: &[Item]) -> serde_json::Result<Vec<u8>> {
    let mut records: BTreeMap<String, Vec<Record<'_>>> = BTreeMap::new();
    for item in items {
        records
            .entry(item.partition_name())
            .or_default()
            .push(Record::new(&item.message));
    }
    let size = items.iter().map(Item::encoded_len).sum::<usize>() + 256;
    let mut bytes = Vec::with_capacity(size);
    serde_json::to_writer(
        &mut bytes,
        &Event {
            event_source: "SelfManagedKafka",
            bootstrap_servers: bootstrap,
            records,
        },
    )?;
    Ok(bytes)
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Event<'a> {
    event_source: &'static str,
    bootstrap_servers: &'a str,
    records: BTreeMap<String, Vec<Record<'a>>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Record<'a> {
    topic: &'a str,
    partition: i32,
    offset: i64,
    timestamp: i64,
    timestamp_type: &'static str,
    #[serde(serialize_with = "base64", skip_serializing_if = "Option::is_none")]
    key: Option<&'a [u8]>,
    #[serde(serialize_with = "base64", skip_serializing_if = "Option::is_none")]
    value: Option<&'a [u8]>,
    headers: Vec<BTreeMap<&'a str, SignedBytes<'a>>>,
}

impl<'a> Record<'a> {
    fn new(message: &'a OwnedMessage) -> Self {
        let timestamp = message.timestamp();
        Self {
            topic: message.topic(),
            partition: message.partition(),
            offset: message.offset(),
            timestamp: timestamp.to_millis().unwrap_or_default(),
            timestamp_type: match timestamp {
                Timestamp::LogAppendTime(_) => "LOG_APPEND_TIME",
                _ => "CREATE_TIME",
            },
            key: message.key(),
            value: message.payload(),
            headers: message
                .headers()
                .iter()
                .flat_map(|headers| headers.iter())
                .map(|header| {
                    BTreeMap::from([(header.key, SignedBytes(header.value.unwrap_or_default()))])
                })
                .collect(),
        }
    }
}

fn base64<S: Serializer>(bytes: &Option<&[u8]>, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_str(&BASE64_STANDARD.encode(bytes.unwrap_or_default()))
}

/// AWS writes a header's bytes as signed numbers, as in Java.
struct SignedBytes<'a>(&'a [u8]);

impl Serialize for SignedBytes<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_seq(self.0.iter().map(|byte| i8::from_ne_bytes([*byte])))
    }
}

/// Splits a batch by its function's report: the records it accepted, and those it reported as
/// failed.
///
/// # Errors
///
/// The report is invalid. As on AWS, the whole batch has failed then.
pub(crate) fn split_by_report(
    payload: &[u8],
    items: Vec<Item>,
) -> Result<(Vec<Item>, Vec<Item>), InvalidReport> {
    let Ok(reported) = read_report(payload) else {
        let reason = "the report is not a batch response".to_owned();
        return Err(InvalidReport { items, reason });
    };
    let mut failed: HashSet<_> = reported.into_iter().collect();
    let (failed_items, accepted): (Vec<_>, Vec<_>) = items
        .into_iter()
        .partition(|item| failed.remove(&item.identifier()));
    if let Some((partition, offset)) = failed.into_iter().next() {
        let mut items = accepted;
        items.extend(failed_items);
        items.sort_by_key(Item::identifier);
        let reason =
            format!("the report names a record that is not in the batch: {partition} {offset}");
        return Err(InvalidReport { items, reason });
    }
    Ok((accepted, failed_items))
}

/// An invalid report, and the batch that it is about.
pub(crate) struct InvalidReport {
    pub(crate) items: Vec<Item>,
    pub(crate) reason: String,
}

/// The records that a function reports as failed; none if its answer is empty.
fn read_report(payload: &[u8]) -> serde_json::Result<Vec<(String, i64)>> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Failure {
        item_identifier: Identifier,
    }
    #[derive(Deserialize)]
    struct Identifier {
        partition: String,
        offset: i64,
    }
    if payload.trim_ascii().is_empty() {
        return Ok(Vec::new());
    }
    let report: Option<Map<String, Value>> = serde_json::from_slice(payload)?;
    let failures = report
        .and_then(|mut report| report.remove("batchItemFailures"))
        .unwrap_or_default();
    let failures: Option<Vec<Failure>> = serde_json::from_value(failures)?;
    Ok(failures
        .unwrap_or_default()
        .into_iter()
        .map(|failure| {
            let Identifier { partition, offset } = failure.item_identifier;
            (partition, offset)
        })
        .collect())
}

#[cfg(test)]
pub(crate) mod tests {
    use aws_lambda_events::kafka::KafkaEvent;
    use rdkafka::message::{Header, OwnedHeaders};

    use super::*;
    use crate::kafka::tracker::Tracker;

    pub(crate) fn items(offsets: impl IntoIterator<Item = i64>) -> Vec<Item> {
        let mut tracker = Tracker::default();
        offsets
            .into_iter()
            .map(|offset| Item {
                ticket: tracker.begin("analyticsdata", 1, offset, 0),
                message: OwnedMessage::new(
                    Some(format!("{{\"n\":{offset}}}").into_bytes()),
                    Some(b"key".to_vec()),
                    "analyticsdata".into(),
                    Timestamp::CreateTime(1_700_000_000_000),
                    1,
                    offset,
                    Some(OwnedHeaders::new().insert(Header {
                        key: "h",
                        value: Some(&[1u8, 0xff]),
                    })),
                ),
            })
            .collect()
    }

    /// A record with a value of this size.
    pub(crate) fn sized_item(offset: i64, size: usize) -> Item {
        let value = Some(vec![b'x'; size]);
        let created = Timestamp::CreateTime(0);
        let topic = "analyticsdata".to_owned();
        Item {
            ticket: Tracker::default().begin(&topic, 1, offset, 0),
            message: OwnedMessage::new(value, None, topic, created, 1, offset, None),
        }
    }

    fn offsets(items: &[Item]) -> Vec<i64> {
        items.iter().map(|item| item.message.offset()).collect()
    }

    #[test]
    fn the_event_has_awss_format() {
        let bytes = encode("localhost:29092", &items(4..6)).unwrap();
        let event: KafkaEvent = serde_json::from_slice(&bytes).unwrap();
        assert_eq!(event.event_source.as_deref(), Some("SelfManagedKafka"));
        let records = &event.records["analyticsdata-1"];
        assert_eq!(records.len(), 2);
        let record = &records[0];
        assert_eq!((record.partition, record.offset), (1, 4));
        assert_eq!(record.topic.as_deref(), Some("analyticsdata"));
        assert_eq!(record.key.as_deref(), Some("a2V5"));
        let value = BASE64_STANDARD
            .decode(record.value.as_ref().unwrap())
            .unwrap();
        assert_eq!(value, b"{\"n\":4}");
        assert_eq!(record.headers[0]["h"], [1, -1]);
        assert_eq!(record.timestamp.timestamp_millis(), 1_700_000_000_000);
    }

    #[test]
    fn the_estimated_length_is_sufficient() {
        for item in items(0..1) {
            let estimate = item.encoded_len() + 256;
            assert!(encode("localhost:29092", &[item]).unwrap().len() <= estimate);
        }
    }

    #[test]
    fn an_empty_report_is_a_success() {
        for payload in [
            "",
            "null",
            "{}",
            r#"{"batchItemFailures":[]}"#,
            r#"{"batchItemFailures":null}"#,
        ] {
            let Ok((accepted, failed_items)) = split_by_report(payload.as_bytes(), items(0..3))
            else {
                panic!("{payload}");
            };
            assert_eq!((accepted.len(), failed_items.len()), (3, 0), "{payload}");
        }
    }

    #[test]
    fn a_report_splits_the_batch() {
        let report = br#"{"batchItemFailures":[{"itemIdentifier":{"partition":"analyticsdata-1","offset":1}}]}"#;
        let Ok((accepted, failed_items)) = split_by_report(report, items(0..3)) else {
            panic!("the report is valid");
        };
        assert_eq!(
            (offsets(&accepted), offsets(&failed_items)),
            (vec![0, 2], vec![1])
        );
    }

    #[test]
    fn an_invalid_report_fails_the_batch() {
        for report in [
            "[]",
            "7",
            r#"{"batchItemFailures":[{}]}"#,
            r#"{"batchItemFailures":[{"itemIdentifier":{"partition":"analyticsdata-1","offset":9}}]}"#,
        ] {
            let Err(invalid) = split_by_report(report.as_bytes(), items(0..3)) else {
                panic!("{report}");
            };
            assert_eq!(offsets(&invalid.items), [0, 1, 2], "{report}");
        }
    }
}

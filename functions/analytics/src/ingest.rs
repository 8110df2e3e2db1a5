//! Ingesting call logs from Kafka and SQS.

use time::OffsetDateTime;
use uuid::Uuid;

use crate::{Analytics, Error, entry::Entry, ids, observation::Observation};

/// Where a record is, which is unique.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Position {
    /// In Kafka.
    Partition {
        /// `<topic>-<partition>`.
        stream: String,
        /// The position in the stream.
        offset: i64,
    },
    /// In a queue of SQS: the message's id.
    Message(String),
}

impl Position {
    /// The id of an entry that has none.
    fn id(&self) -> Uuid {
        match self {
            Self::Partition { stream, offset } => ids::of_position(stream, *offset),
            Self::Message(id) => ids::of_message(id),
        }
    }
}

/// A record that should contain an `AnalyticsEntryMessage` as JSON.
#[derive(Debug)]
pub struct Record {
    /// Where the record is.
    pub position: Position,
    /// When it was written, if known.
    pub written_at: Option<OffsetDateTime>,
    /// Its value, or why it can't be read.
    pub value: Result<Vec<u8>, Refusal>,
}

/// Why a record contains no entry. Nothing of its content is included: this is logged, and the
/// content may be anything.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    /// The record has no value.
    #[error("the record has no value")]
    Empty,
    /// The value isn't base64.
    #[error("the record's value is not base64")]
    Base64,
    /// The value isn't JSON, or has other types.
    #[error(
        "the value is not the JSON of a call log ({kind} error at line {line}, column {column})"
    )]
    Json {
        /// Syntax, data or EOF.
        kind: &'static str,
        /// Counted from 1.
        line: usize,
        /// Counted from 1.
        column: usize,
    },
    /// A field is invalid.
    #[error("the entry is invalid: {0}")]
    Entry(Error),
}

/// A record that is refused for good.
#[derive(Debug)]
pub struct Refused {
    /// Where the record is.
    pub position: Position,
    /// Why it is refused.
    pub reason: Refusal,
}

impl Analytics {
    /// Stores all entries of a batch in one statement, and returns the records that contain no
    /// entry. On an error none is stored. A redelivered record is stored once.
    ///
    /// # Errors
    ///
    /// `UNAVAILABLE` or `DEADLINE_EXCEEDED` if the database doesn't respond. The whole batch
    /// should be redelivered.
    pub async fn ingest(
        &self,
        records: impl IntoIterator<Item = Record>,
    ) -> Result<Vec<Refused>, Error> {
        let (entries, refused) = partition(records, OffsetDateTime::now_utc());
        if !entries.is_empty() {
            self.store.insert(entries).await?;
        }
        for Refused { position, reason } in &refused {
            tracing::warn!(?position, %reason, "record refused");
        }
        Ok(refused)
    }
}

/// Separates entries from records that contain none.
fn partition(
    records: impl IntoIterator<Item = Record>,
    now: OffsetDateTime,
) -> (Vec<Entry>, Vec<Refused>) {
    let mut entries = Vec::new();
    let mut refused = Vec::new();
    for record in records {
        let Record {
            position,
            written_at,
            value,
        } = record;
        match value.and_then(|value| read(&value, &position, written_at, now)) {
            Ok(entry) => entries.push(entry),
            Err(reason) => refused.push(Refused { position, reason }),
        }
    }
    (entries, refused)
}

fn read(
    value: &[u8],
    position: &Position,
    written_at: Option<OffsetDateTime>,
    now: OffsetDateTime,
) -> Result<Entry, Refusal> {
    let observation: Observation = serde_json::from_slice(value)?;
    Entry::observed(observation, || position.id(), written_at, now).map_err(Refusal::Entry)
}

impl From<serde_json::Error> for Refusal {
    fn from(error: serde_json::Error) -> Self {
        use serde_json::error::Category;
        Self::Json {
            kind: match error.classify() {
                Category::Data => "data",
                Category::Eof => "end-of-text",
                Category::Io | Category::Syntax => "syntax",
            },
            line: error.line(),
            column: error.column(),
        }
    }
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;

    const NOW: OffsetDateTime = datetime!(2026-10-01 12:00 UTC);

    fn record(offset: i64, value: &str) -> Record {
        Record {
            position: Position::Partition {
                stream: "analyticsdata-0".to_owned(),
                offset,
            },
            written_at: None,
            value: Ok(value.as_bytes().to_vec()),
        }
    }

    const GOOD: &str = r#"{"transport":"grpc","service":"auth","method":"Login","status":200}"#;

    #[test]
    fn a_bad_record_does_not_affect_the_others() {
        let bad = [
            "",
            "not json",
            "{\"transport\":\"grpc\"",
            "[]",
            "null",
            "7",
            "{}",
            r#"{"transport":"tcp","service":"auth","method":"Login"}"#,
            r#"{"transport":"grpc","service":"auth","method":"Log\u0000in"}"#,
            r#"{"transport":"grpc","service":"auth","method":"Login","status":"200"}"#,
            "\u{feff}{}",
        ];
        let mut records = vec![record(100, GOOD)];
        for (offset, value) in (0..).zip(bad) {
            records.push(record(offset, value));
        }
        records.push(Record {
            value: Ok(vec![0xff, 0xfe]),
            ..record(50, "")
        });
        records.push(Record {
            value: Err(Refusal::Empty),
            ..record(51, "")
        });
        records.push(record(101, GOOD));
        let (entries, refused) = partition(records, NOW);
        assert_eq!(entries.len(), 2);
        let offsets: Vec<_> = refused
            .iter()
            .map(|refused| match refused.position {
                Position::Partition { offset, .. } => offset,
                Position::Message(_) => panic!("a message"),
            })
            .collect();
        let expected: Vec<_> = (0..bad.len() as i64).chain([50, 51]).collect();
        assert_eq!(offsets, expected);
    }

    #[test]
    fn an_entry_without_an_id_gets_one_from_its_position() {
        let ids = |offsets: [i64; 2]| {
            partition(offsets.map(|offset| record(offset, GOOD)), NOW)
                .0
                .into_iter()
                .map(|entry| entry.id)
                .collect::<Vec<_>>()
        };
        assert_eq!(ids([1, 2]), ids([1, 2]));
        assert_ne!(ids([1, 2]), ids([3, 4]));
    }

    #[test]
    fn an_entry_without_a_time_gets_its_records() {
        let written_at = datetime!(2026-10-01 11:00 UTC);
        let record = Record {
            written_at: Some(written_at),
            ..record(1, GOOD)
        };
        let first = &partition([record], NOW).0[0];
        assert_eq!((first.at, first.is_timed), (written_at, true));
        // Without either, it differs between deliveries.
        let first = &partition([self::record(1, GOOD)], NOW).0[0];
        assert_eq!((first.at, first.is_timed), (NOW, false));
    }

    #[test]
    fn a_reason_contains_nothing_of_the_record() {
        let (_, refused) = partition([record(1, r#"{"status":"hunter2"}"#)], NOW);
        let reason = refused[0].reason.to_string();
        assert!(reason.contains("data error at line 1"), "{reason}");
        assert!(!reason.contains("hunter2"), "{reason}");
    }
}

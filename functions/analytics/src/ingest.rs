use time::OffsetDateTime;

use crate::entry::Entry;
use crate::observation::Observation;
use crate::{Analytics, Error, ids};

/// Where a record lies: unique, and in the order of writing within one stream.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    /// The stream: `<topic>-<partition>`.
    pub stream: String,
    /// The place in the stream.
    pub offset: i64,
}

/// A record that should hold one `AnalyticsEntryMessage` as JSON.
#[derive(Debug)]
pub struct Record {
    /// Where it lies.
    pub position: Position,
    /// When it was written, where known.
    pub written_at: Option<OffsetDateTime>,
    /// What it holds, or why nothing.
    pub value: Result<Vec<u8>, Refusal>,
}

/// Why a record holds no entry. Nothing of its content is told: what is no call log may be
/// anything, and this goes to a log.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    /// It has no value.
    #[error("the record has no value")]
    Empty,
    /// Its value is not what the event says it is.
    #[error("the record's value is not base64")]
    Base64,
    /// Its value is no JSON, or not of the right types.
    #[error("the value is not a call log's JSON ({kind} error at line {line}, column {column})")]
    Json {
        /// Syntax, data or EOF.
        kind: &'static str,
        /// Counted from 1.
        line: usize,
        /// Counted from 1.
        column: usize,
    },
    /// It is an entry of no call.
    #[error("the value names no call: {0}")]
    Entry(Error),
}

/// A record that was not taken, and never will be.
#[derive(Debug)]
pub struct Refused {
    /// Where it lies.
    pub position: Position,
    /// Why it was not taken.
    pub reason: Refusal,
}

impl Analytics {
    /// Logs every entry of a batch, in one statement, and answers the records that hold
    /// none. Either all entries are kept or, on an error, none; records delivered again
    /// are the same entries.
    ///
    /// # Errors
    ///
    /// `UNAVAILABLE` or `DEADLINE_EXCEEDED` where the database does not answer: the whole
    /// batch should be delivered again.
    pub async fn ingest(
        &self,
        records: impl IntoIterator<Item = Record>,
    ) -> Result<Vec<Refused>, Error> {
        let (entries, refused) = sort(records, OffsetDateTime::now_utc());
        if !entries.is_empty() {
            self.store.insert(entries).await?;
        }
        for Refused { position, reason } in &refused {
            let Position { stream, offset } = position;
            tracing::warn!(stream, offset, %reason, "record refused");
        }
        Ok(refused)
    }
}

/// Tells entries from records that hold none.
fn sort(
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
    let id = || ids::of_position(&position.stream, position.offset);
    Entry::observed(observation, id, written_at.unwrap_or(now), now).map_err(Refusal::Entry)
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
            position: Position {
                stream: "analyticsdata-0".to_owned(),
                offset,
            },
            written_at: None,
            value: Ok(value.as_bytes().to_vec()),
        }
    }

    const GOOD: &str = r#"{"transport":"grpc","service":"auth","method":"Login","status":200}"#;

    #[test]
    fn one_bad_record_does_not_take_the_others_with_it() {
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
        let (entries, refused) = sort(records, NOW);
        assert_eq!(entries.len(), 2);
        let offsets: Vec<_> = refused
            .iter()
            .map(|refused| refused.position.offset)
            .collect();
        let expected: Vec<_> = (0..bad.len() as i64).chain([50, 51]).collect();
        assert_eq!(offsets, expected);
    }

    #[test]
    fn a_record_without_an_id_has_its_positions() {
        let ids = |offsets: [i64; 2]| {
            sort(offsets.map(|offset| record(offset, GOOD)), NOW)
                .0
                .into_iter()
                .map(|entry| entry.id)
                .collect::<Vec<_>>()
        };
        assert_eq!(ids([1, 2]), ids([1, 2]));
        assert_ne!(ids([1, 2]), ids([3, 4]));
    }

    #[test]
    fn an_entry_without_a_time_has_its_records() {
        let written_at = datetime!(2026-10-01 11:00 UTC);
        let record = Record {
            written_at: Some(written_at),
            ..record(1, GOOD)
        };
        assert_eq!(sort([record], NOW).0[0].at, written_at);
        assert_eq!(sort([self::record(1, GOOD)], NOW).0[0].at, NOW);
    }

    #[test]
    fn a_reason_tells_nothing_of_the_content() {
        let (_, refused) = sort([record(1, r#"{"status":"hunter2"}"#)], NOW);
        let reason = refused[0].reason.to_string();
        assert!(reason.contains("data error at line 1"), "{reason}");
        assert!(!reason.contains("hunter2"), "{reason}");
    }
}

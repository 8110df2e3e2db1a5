//! Dead letters: records that could not be served, moved out of the others' way.

use std::sync::Arc;

use rdkafka::message::{Headers as _, Message as _, OwnedMessage};
use trichrome_proto::error::ApiError;

use super::producer::{ProduceError, Producer, Record};
use crate::{
    call::{context::AUTHORIZATION, fault::error_chain},
    ops::metrics::{Metrics, RecordOutcome},
};

/// Moves records to `<topic>.dlq`. Cheap to clone.
#[derive(Clone)]
pub(crate) struct DeadLetters {
    producer: Producer,
    metrics: Arc<Metrics>,
}

impl DeadLetters {
    /// Dead letters that go out through `producer`.
    pub(crate) fn new(producer: Producer, metrics: Arc<Metrics>) -> Self {
        Self { producer, metrics }
    }

    /// Moves a record, with what was wrong in its headers. The caller's token stays behind:
    /// it would outlive the call in a place where nobody guards it.
    pub(crate) async fn put(
        &self,
        topic: &'static str,
        record: &OwnedMessage,
        reason: &'static str,
        error: &ApiError,
    ) {
        let (partition, offset) = (record.partition().to_string(), record.offset().to_string());
        let mut headers: Vec<(&str, &[u8])> = vec![
            ("dlq-reason", reason.as_bytes()),
            ("dlq-error-code", error.code.as_str().as_bytes()),
            ("dlq-error-message", error.message.as_bytes()),
            ("dlq-topic", topic.as_bytes()),
            ("dlq-partition", partition.as_bytes()),
            ("dlq-offset", offset.as_bytes()),
        ];
        headers.extend(
            record
                .headers()
                .iter()
                .flat_map(|headers| headers.iter())
                .filter(|header| !header.key.eq_ignore_ascii_case(AUTHORIZATION))
                .filter_map(|header| Some((header.key, header.value?))),
        );
        let letters = format!("{topic}.dlq");
        let mut letter = Record {
            topic: &letters,
            key: record.key(),
            value: record.payload(),
            headers: &headers,
        };
        let mut put = self.producer.insist(&letter).await;
        if matches!(put, Err(ProduceError::Refused(_))) {
            // Its own headers make a record larger, maybe too large.
            letter.value = None;
            put = self.producer.insist(&letter).await;
        }
        tracing::warn!(
            topic,
            partition,
            offset,
            reason,
            error = error.message,
            "a record went to the dead letters"
        );
        self.metrics.dead_letter(topic, reason);
        self.metrics.record(topic, RecordOutcome::DeadLetter, 1);
        if let Err(error) = put {
            // The record is still where it was; the line above says where.
            tracing::error!(
                topic = letters,
                error = error_chain(&error),
                "a dead letter was not taken; does its topic exist?"
            );
        }
    }
}

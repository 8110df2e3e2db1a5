//! Dead letters: records that cannot be processed, moved to `<topic>.dlq`.

use std::sync::Arc;

use futures::future::BoxFuture;
use rdkafka::message::{Headers as _, Message as _, OwnedMessage};
use trichrome_proto::{
    error::ApiError,
    wire::{
        header::AUTHORIZATION,
        record::{dead_letter, dead_letter_topic},
    },
};
use trichrome_startup::error_chain;

use super::producer::{ProduceError, Producer, Record};
use crate::ops::metrics::{Metrics, RecordOutcome};

/// Why a record became a dead letter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum DeadLetterReason {
    /// The value isn't a request message.
    Unparsable,
    /// The record names no operation of its topic.
    UnknownOperation,
    /// A header isn't valid.
    InvalidHeader,
    /// The command, or the function on a batch, kept failing.
    Failed,
    /// The function kept reporting the record as failed.
    Reported,
    /// The gateway panicked.
    Panic,
}

impl DeadLetterReason {
    /// The value of the header `dlq-reason` and the metric's label.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Unparsable => "unparsable",
            Self::UnknownOperation => "unknown_operation",
            Self::InvalidHeader => "invalid_header",
            Self::Failed => "failed",
            Self::Reported => "reported",
            Self::Panic => "panic",
        }
    }
}

/// Takes records that cannot be processed.
pub(crate) trait DeadLetterSink: Send + Sync {
    /// Moves a record of `topic` here, with the reason and the error in its headers.
    fn put<'a>(
        &'a self,
        topic: &'static str,
        record: &'a OwnedMessage,
        reason: DeadLetterReason,
        error: &'a ApiError,
    ) -> BoxFuture<'a, ()>;
}

/// Moves records to `<topic>.dlq`. Cheap to clone.
#[derive(Clone)]
pub(crate) struct DeadLetters {
    producer: Producer,
    metrics: Arc<Metrics>,
}

impl DeadLetters {
    pub(crate) fn new(producer: Producer, metrics: Arc<Metrics>) -> Self {
        Self { producer, metrics }
    }
}

impl DeadLetterSink for DeadLetters {
    fn put<'a>(
        &'a self,
        topic: &'static str,
        record: &'a OwnedMessage,
        reason: DeadLetterReason,
        error: &'a ApiError,
    ) -> BoxFuture<'a, ()> {
        Box::pin(async move {
            let (partition, offset) = (record.partition().to_string(), record.offset().to_string());
            let mut headers: Vec<(&str, &[u8])> = vec![
                (dead_letter::REASON, reason.as_str().as_bytes()),
                (dead_letter::ERROR_CODE, error.code.as_str().as_bytes()),
                (dead_letter::ERROR_MESSAGE, error.message.as_bytes()),
                (dead_letter::TOPIC, topic.as_bytes()),
                (dead_letter::PARTITION, partition.as_bytes()),
                (dead_letter::OFFSET, offset.as_bytes()),
            ];
            headers.extend(
                record
                    .headers()
                    .iter()
                    .flat_map(|headers| headers.iter())
                    // The caller's token must not outlive the call in an unguarded topic.
                    .filter(|header| !header.key.eq_ignore_ascii_case(AUTHORIZATION))
                    .filter_map(|header| Some((header.key, header.value?))),
            );
            let dead_letter_topic = dead_letter_topic(topic);
            let mut dead_letter = Record {
                topic: &dead_letter_topic,
                key: record.key(),
                value: record.payload(),
                headers: &headers,
                partition: None,
            };
            let mut result = self.producer.produce_until_accepted(&dead_letter).await;
            if matches!(result, Err(ProduceError::Rejected(_))) {
                // The added headers may have made the record too large.
                dead_letter.value = None;
                result = self.producer.produce_until_accepted(&dead_letter).await;
            }
            tracing::warn!(
                topic,
                partition,
                offset,
                reason = reason.as_str(),
                error = error.message,
                "a record became a dead letter"
            );
            self.metrics.dead_letter(topic, reason.as_str());
            self.metrics
                .records_processed(topic, RecordOutcome::DeadLetter, 1);
            if let Err(error) = result {
                // The record still is in its topic, at the offset logged above.
                tracing::error!(
                    topic = dead_letter_topic,
                    error = error_chain(&error),
                    "a dead letter was rejected; does its topic exist?"
                );
            }
        })
    }
}

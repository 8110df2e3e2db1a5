//! AWS's SQS event with a batch of messages: the call logs of the REST API.
//!
//! With `ReportBatchItemFailures`, AWS deletes the messages that the response doesn't list. The
//! others are delivered again after their visibility timeout, up to the queue's `maxReceiveCount`,
//! and then move to its dead-letter queue. So do all messages of an invocation that failed.

use serde::Deserialize;

use crate::{Position, Record, instant};

/// The needed part of AWS's SQS event.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Event {
    #[serde(rename = "Records")]
    records: Vec<Message>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Message {
    message_id: String,
    body: String,
    #[serde(default)]
    attributes: Attributes,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct Attributes {
    /// Milliseconds since 1970.
    #[serde(rename = "SentTimestamp")]
    sent: String,
}

impl Event {
    /// The messages, in order.
    pub(crate) fn into_records(self) -> impl Iterator<Item = Record> {
        self.records.into_iter().map(|message| Record {
            position: Position::Message(message.message_id),
            written_at: message
                .attributes
                .sent
                .parse()
                .ok()
                .and_then(instant::from_millis),
            value: Ok(message.body.into_bytes()),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_event_of_aws_is_read() {
        // AWS, "Using Lambda with Amazon SQS", with fewer attributes.
        let event = r#"{"Records": [{
            "messageId": "059f36b4-87a3-44ab-83d2-661975830a7d",
            "receiptHandle": "AQEBwJnKyrHigUMZj6rYigCgxlaS3SLy0a",
            "body": "Test message.",
            "attributes": {"ApproximateReceiveCount": "1", "SentTimestamp": "1545082649183"},
            "messageAttributes": {},
            "md5OfBody": "e4e68fb7bd0e697a0ae8f1bb342846b3",
            "eventSource": "aws:sqs",
            "eventSourceARN": "arn:aws:sqs:us-east-2:123456789012:my-queue",
            "awsRegion": "us-east-2"
        }, {"messageId": "2", "body": ""}]}"#;
        let event: Event = serde_json::from_str(event).unwrap();
        let records: Vec<_> = event.into_records().collect();
        let id = "059f36b4-87a3-44ab-83d2-661975830a7d".to_owned();
        assert_eq!(records[0].position, Position::Message(id));
        assert_eq!(records[0].value.as_deref().unwrap(), b"Test message.");
        let sent = records[0].written_at.unwrap();
        assert_eq!(sent.unix_timestamp_nanos(), 1_545_082_649_183_000_000);
        assert_eq!(records[1].written_at, None);
    }
}

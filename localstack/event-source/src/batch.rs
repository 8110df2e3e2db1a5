//! AWS's SQS event, and what a function's response says of its messages.
//!
//! AWS, "Using Lambda with Amazon SQS", example event, and "Reporting batch item failures".

use std::collections::{HashMap, HashSet};

use aws_sdk_sqs::types::{Message, MessageAttributeValue};
use serde::Serialize;
use serde_json::Value;

/// An event with a batch of messages.
#[derive(Debug, Serialize)]
pub(crate) struct Event<'a> {
    #[serde(rename = "Records")]
    records: Vec<Record<'a>>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Record<'a> {
    message_id: &'a str,
    receipt_handle: &'a str,
    body: &'a str,
    attributes: HashMap<&'a str, &'a str>,
    message_attributes: HashMap<&'a str, Attribute<'a>>,
    md5_of_body: &'a str,
    event_source: &'static str,
    #[serde(rename = "eventSourceARN")]
    event_source_arn: &'a str,
    aws_region: &'a str,
}

/// Binary values are left out: no queue of this service has any.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Attribute<'a> {
    string_value: Option<&'a str>,
    data_type: &'a str,
}

impl<'a> Event<'a> {
    /// The event for messages of the queue with this ARN.
    pub(crate) fn new(messages: &'a [Message], queue_arn: &'a str, region: &'a str) -> Self {
        let records = messages.iter().map(|message| Record {
            message_id: message.message_id().unwrap_or_default(),
            receipt_handle: message.receipt_handle().unwrap_or_default(),
            body: message.body().unwrap_or_default(),
            attributes: message
                .attributes()
                .into_iter()
                .flatten()
                .map(|(name, value)| (name.as_str(), value.as_str()))
                .collect(),
            message_attributes: message
                .message_attributes()
                .into_iter()
                .flatten()
                .map(|(name, value)| (name.as_str(), Attribute::from(value)))
                .collect(),
            md5_of_body: message.md5_of_body().unwrap_or_default(),
            event_source: "aws:sqs",
            event_source_arn: queue_arn,
            aws_region: region,
        });
        Self {
            records: records.collect(),
        }
    }
}

impl<'a> From<&'a MessageAttributeValue> for Attribute<'a> {
    fn from(value: &'a MessageAttributeValue) -> Self {
        Self {
            string_value: value.string_value(),
            data_type: value.data_type(),
        }
    }
}

/// The messages that a response reports as failed. `None`: all of them, because the response isn't
/// valid.
pub(crate) fn failures(response: &[u8], sent: &[Message]) -> Option<HashSet<String>> {
    if response.is_empty() {
        return Some(HashSet::new());
    }
    let response: Value = serde_json::from_slice(response).ok()?;
    let failures = match &response["batchItemFailures"] {
        Value::Null => return Some(HashSet::new()),
        failures => failures.as_array()?,
    };
    let known = |id: &str| sent.iter().any(|message| message.message_id() == Some(id));
    failures
        .iter()
        .map(|failure| {
            let id = failure["itemIdentifier"].as_str()?;
            known(id).then(|| id.to_owned())
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use aws_sdk_sqs::types::MessageSystemAttributeName;
    use serde_json::json;

    use super::*;

    fn message(id: &str) -> Message {
        Message::builder()
            .message_id(id)
            .receipt_handle(format!("handle-{id}"))
            .body("{}")
            .md5_of_body("m")
            .attributes(MessageSystemAttributeName::ApproximateReceiveCount, "1")
            .build()
    }

    #[test]
    fn the_event_has_the_format_of_aws() {
        let messages = [message("1")];
        let event = Event::new(&messages, "arn:aws:sqs:eu-west-1:1:q", "eu-west-1");
        assert_eq!(
            serde_json::to_value(event).unwrap(),
            json!({"Records": [{
                "messageId": "1",
                "receiptHandle": "handle-1",
                "body": "{}",
                "attributes": {"ApproximateReceiveCount": "1"},
                "messageAttributes": {},
                "md5OfBody": "m",
                "eventSource": "aws:sqs",
                "eventSourceARN": "arn:aws:sqs:eu-west-1:1:q",
                "awsRegion": "eu-west-1",
            }]})
        );
    }

    #[test]
    fn failures_are_read_as_aws_reads_them() {
        let sent = [message("1"), message("2")];
        let read = |response: &str| failures(response.as_bytes(), &sent);
        for all_handled in ["", "null", "{}", r#"{"batchItemFailures":[]}"#] {
            assert_eq!(read(all_handled), Some(HashSet::new()), "{all_handled}");
        }
        assert_eq!(
            read(r#"{"batchItemFailures":[{"itemIdentifier":"2"}]}"#),
            Some(HashSet::from(["2".to_owned()]))
        );
        for none_handled in [
            "{",
            r#"{"batchItemFailures":7}"#,
            r#"{"batchItemFailures":[{"itemIdentifier":""}]}"#,
            r#"{"batchItemFailures":[{"itemIdentifier":null}]}"#,
            r#"{"batchItemFailures":[{"id":"1"}]}"#,
            r#"{"batchItemFailures":[{"itemIdentifier":"3"}]}"#,
        ] {
            assert_eq!(read(none_handled), None, "{none_handled}");
        }
    }
}

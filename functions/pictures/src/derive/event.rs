//! S3's notifications of new objects, in messages of SQS.
//!
//! With `ReportBatchItemFailures`, AWS deletes the messages that the response doesn't list. The
//! others come again after their visibility timeout, up to the queue's `maxReceiveCount`, and then
//! move to its dead-letter queue.

use percent_encoding::percent_decode_str;
use serde::{Deserialize, Serialize};

/// The needed part of AWS's SQS event.
#[derive(Clone, Debug, Deserialize)]
pub struct Event {
    #[serde(rename = "Records")]
    pub(crate) messages: Vec<Message>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Message {
    pub(crate) message_id: String,
    pub(crate) body: String,
}

/// The response: the messages that failed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Response {
    batch_item_failures: Vec<Failure>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
struct Failure {
    item_identifier: String,
}

impl Response {
    pub(crate) fn fail(&mut self, message_id: String) {
        self.batch_item_failures.push(Failure {
            item_identifier: message_id,
        });
    }
}

/// S3's notification. Its test message, `s3:TestEvent`, has no records.
#[derive(Deserialize)]
struct Notification {
    #[serde(rename = "Records", default)]
    records: Vec<Record>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Record {
    event_name: String,
    s3: Entity,
}

#[derive(Deserialize)]
struct Entity {
    object: Object,
}

#[derive(Deserialize)]
struct Object {
    key: String,
}

impl Message {
    /// The keys of the new objects.
    ///
    /// # Errors
    /// If the body isn't a notification of S3.
    pub(crate) fn new_objects(&self) -> Result<Vec<String>, serde_json::Error> {
        let notification: Notification = serde_json::from_str(&self.body)?;
        let created = notification
            .records
            .into_iter()
            .filter(|record| record.event_name.contains("ObjectCreated:"));
        Ok(created
            .map(|record| decoded(&record.s3.object.key))
            .collect())
    }
}

/// A key, which S3 encodes as in an HTML form.
fn decoded(key: &str) -> String {
    let spaced = key.replace('+', " ");
    percent_decode_str(&spaced).decode_utf8_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn new_objects(body: &str) -> Result<Vec<String>, serde_json::Error> {
        let message = Message {
            message_id: "m".to_owned(),
            body: body.to_owned(),
        };
        message.new_objects()
    }

    #[test]
    fn the_event_of_aws_is_read() {
        let event = r#"{"Records": [{
            "messageId": "059f36b4-87a3-44ab-83d2-661975830a7d",
            "receiptHandle": "AQEBwJnKyrHigUMZj6rYigCgxlaS3SLy0a",
            "body": "{}",
            "attributes": {"ApproximateReceiveCount": "1"},
            "eventSource": "aws:sqs"
        }]}"#;
        let event: Event = serde_json::from_str(event).unwrap();
        let id = "059f36b4-87a3-44ab-83d2-661975830a7d";
        assert_eq!(event.messages[0].message_id, id);
        assert!(event.messages[0].new_objects().unwrap().is_empty());
    }

    #[test]
    fn new_objects_are_found_and_their_keys_decoded() {
        // AWS, "Event message structure", with fewer fields.
        let record = |name: &str, key: &str| {
            format!(
                r#"{{"eventVersion":"2.1","eventSource":"aws:s3","awsRegion":"us-west-2",
                "eventTime":"1970-01-01T00:00:00.000Z","eventName":"{name}","s3":{{
                "s3SchemaVersion":"1.0","bucket":{{"name":"amzn-s3-demo-bucket"}},
                "object":{{"key":"{key}","size":1024,"sequencer":"0055AED6DCD90281E5"}}}}}}"#
            )
        };
        let body = format!(
            r#"{{"Records":[{},{},{},{}]}}"#,
            record("ObjectCreated:Put", "originals/u/a"),
            record("ObjectRemoved:Delete", "originals/u/b"),
            record(
                "ObjectCreated:CompleteMultipartUpload",
                "originals/a+b%2Bc/%C3%A4"
            ),
            record("s3:ObjectCreated:Copy", "originals/u/c"),
        );
        let keys = ["originals/u/a", "originals/a b+c/ä", "originals/u/c"];
        assert_eq!(new_objects(&body).unwrap(), keys);
    }

    #[test]
    fn a_test_event_has_no_objects() {
        let body = r#"{"Service":"Amazon S3","Event":"s3:TestEvent","Bucket":"b"}"#;
        assert!(new_objects(body).unwrap().is_empty());
    }

    #[test]
    fn another_message_is_an_error() {
        for body in ["", "hello", r#"{"Records":[{"eventName":"x"}]}"#] {
            assert!(new_objects(body).is_err(), "{body}");
        }
    }

    #[test]
    fn failed_messages_are_listed() {
        let mut response = Response::default();
        let json = |response: &Response| serde_json::to_string(response).unwrap();
        assert_eq!(json(&response), r#"{"batchItemFailures":[]}"#);
        response.fail("m-1".to_owned());
        assert_eq!(
            json(&response),
            r#"{"batchItemFailures":[{"itemIdentifier":"m-1"}]}"#
        );
    }
}

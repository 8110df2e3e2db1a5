//! Handles one batch of a queue after the other.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use aws_sdk_lambda::primitives::Blob;
use aws_sdk_sqs::types::{
    ChangeMessageVisibilityBatchRequestEntry, DeleteMessageBatchRequestEntry, Message,
    MessageSystemAttributeName,
};
use tokio::{sync::watch, time::sleep};

use crate::{
    Mapping, Services,
    batch::{Event, failures},
};

/// Messages of a batch: the most that SQS returns at once.
const BATCH: i32 = 10;

/// How long a request waits for messages, in seconds: the most that SQS allows.
const LONG_POLL: i32 = 20;

/// The pause after a failure, which doubles with each further one.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// Handles batches of one queue.
pub(crate) struct Worker {
    services: Services,
    mapping: Mapping,
    region: String,
    queue_arn: String,
}

impl Worker {
    pub(crate) fn new(services: Services, mapping: Mapping) -> Self {
        let region = services.sqs.config().region().map(ToString::to_string);
        let region = region.unwrap_or_default();
        Self {
            queue_arn: mapping.queue_arn(&region),
            services,
            mapping,
            region,
        }
    }

    /// Handles batches until `stop` changes.
    pub(crate) async fn serve(&self, mut stop: watch::Receiver<bool>) {
        let mut failed = 0;
        while !*stop.borrow() {
            // A batch that was received is handled to its end.
            let received = tokio::select! {
                _ = stop.changed() => return,
                received = self.receive() => received,
            };
            let outcome = match received {
                Ok(messages) => self.handle(&messages).await,
                Err(error) => Err(error),
            };
            match outcome {
                Ok(()) => failed = 0,
                Err(error) => {
                    let (queue, function) = (self.mapping.queue(), &self.mapping.function);
                    eprintln!("{queue} -> {function}: {error:#}");
                    failed += 1;
                    tokio::select! {
                        _ = stop.changed() => return,
                        () = sleep(pause(failed)) => {}
                    }
                }
            }
        }
    }

    /// Waits for messages; there may be none.
    async fn receive(&self) -> Result<Vec<Message>> {
        let received = self
            .services
            .sqs
            .receive_message()
            .queue_url(&self.mapping.queue_url)
            .max_number_of_messages(BATCH)
            .wait_time_seconds(LONG_POLL)
            .message_system_attribute_names(MessageSystemAttributeName::All)
            .message_attribute_names("All")
            .send()
            .await
            .context("could not receive messages")?;
        Ok(received.messages.unwrap_or_default())
    }

    /// Invokes the function, deletes the messages that it has handled, and makes the others
    /// visible again after a pause. Fails if the function handled none.
    async fn handle(&self, messages: &[Message]) -> Result<()> {
        if messages.is_empty() {
            return Ok(());
        }
        let response = self.invoke(messages).await;
        let failures = match &response {
            Ok(response) => failures(response, messages),
            Err(_) => None,
        };
        let (failed, handled): (Vec<_>, Vec<_>) = messages.iter().partition(|message| {
            let id = message.message_id().unwrap_or_default();
            failures.as_ref().is_none_or(|ids| ids.contains(id))
        });
        self.delete(&handled).await?;
        self.release(&failed).await?;
        response?;
        ensure!(failures.is_some(), "the response is not that of a batch");
        if !failed.is_empty() {
            let (queue, function) = (self.mapping.queue(), &self.mapping.function);
            eprintln!("{function} refused {} messages of {queue}", failed.len());
        }
        Ok(())
    }

    async fn invoke(&self, messages: &[Message]) -> Result<Vec<u8>> {
        let event = Event::new(messages, &self.queue_arn, &self.region);
        let answer = self
            .services
            .lambda
            .invoke()
            .function_name(&self.mapping.function)
            .payload(Blob::new(serde_json::to_vec(&event)?))
            .send()
            .await
            .context("could not invoke the function")?;
        ensure!(
            answer.function_error.is_none(),
            "the function failed, and its messages are delivered again"
        );
        Ok(answer.payload.map(Blob::into_inner).unwrap_or_default())
    }

    async fn delete(&self, messages: &[&Message]) -> Result<()> {
        if messages.is_empty() {
            return Ok(());
        }
        let entry = |message: &&Message| {
            DeleteMessageBatchRequestEntry::builder()
                .id(message.message_id().unwrap_or_default())
                .receipt_handle(message.receipt_handle().unwrap_or_default())
                .build()
        };
        let entries = messages.iter().map(entry).collect::<Result<_, _>>()?;
        self.services
            .sqs
            .delete_message_batch()
            .queue_url(&self.mapping.queue_url)
            .set_entries(Some(entries))
            .send()
            .await
            .context("could not delete messages, which are delivered again")?;
        Ok(())
    }

    /// Makes messages visible after a pause that grows with each delivery.
    async fn release(&self, messages: &[&Message]) -> Result<()> {
        if messages.is_empty() {
            return Ok(());
        }
        let entry = |message: &&Message| {
            let deliveries = message
                .attributes()
                .and_then(|all| all.get(&MessageSystemAttributeName::ApproximateReceiveCount))
                .and_then(|count| count.parse().ok());
            ChangeMessageVisibilityBatchRequestEntry::builder()
                .id(message.message_id().unwrap_or_default())
                .receipt_handle(message.receipt_handle().unwrap_or_default())
                .visibility_timeout(seconds(pause(deliveries.unwrap_or(1))))
                .build()
        };
        let entries = messages.iter().map(entry).collect::<Result<_, _>>()?;
        self.services
            .sqs
            .change_message_visibility_batch()
            .queue_url(&self.mapping.queue_url)
            .set_entries(Some(entries))
            .send()
            .await
            .context("could not release messages, which are delivered again later")?;
        Ok(())
    }
}

/// The pause after this many failures.
fn pause(failures: u32) -> Duration {
    let doublings = failures.saturating_sub(1).min(16);
    (FIRST_PAUSE * 2_u32.pow(doublings)).min(LONGEST_PAUSE)
}

fn seconds(pause: Duration) -> i32 {
    i32::try_from(pause.as_secs()).unwrap_or(i32::MAX)
}

#[cfg(test)]
mod tests {
    use aws_credential_types::{Credentials, provider::SharedCredentialsProvider};
    use aws_smithy_http_client::test_util::{ReplayEvent, StaticReplayClient};
    use aws_smithy_runtime_api::client::behavior_version::BehaviorVersion;
    use aws_smithy_types::{body::SdkBody, retry::RetryConfig};
    use aws_types::{SdkConfig, region::Region};
    use serde_json::{Value, json};

    use super::*;

    fn answer(status: u16, headers: &[(&str, &str)], body: Value) -> ReplayEvent {
        let mut response = http::Response::builder().status(status);
        for (name, value) in headers {
            response = response.header(*name, *value);
        }
        let response = response.body(SdkBody::from(body.to_string())).unwrap();
        ReplayEvent::new(http::Request::new(SdkBody::empty()), response)
    }

    fn worker(answers: Vec<ReplayEvent>) -> (Worker, StaticReplayClient) {
        let http = StaticReplayClient::new(answers);
        let config = SdkConfig::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new("us-east-1"))
            .credentials_provider(SharedCredentialsProvider::new(Credentials::for_tests()))
            .http_client(http.clone())
            .retry_config(RetryConfig::disabled())
            .endpoint_url("http://local.test")
            .build();
        let mapping = "http://local.test/000000000000/q=f".parse().unwrap();
        (Worker::new(Services::new(&config, &config), mapping), http)
    }

    fn received(ids: [&str; 2]) -> ReplayEvent {
        let messages = ids.map(|id| {
            json!({"MessageId": id, "ReceiptHandle": id, "Body": "{}",
                "Attributes": {"ApproximateReceiveCount": "3"}})
        });
        answer(200, &[], json!({"Messages": messages}))
    }

    /// What a worker does with two messages: the requests after the invocation, as operation and
    /// message ids.
    async fn after(invoked: ReplayEvent, settled: usize) -> (Result<()>, Vec<(String, String)>) {
        let mut answers = vec![received(["1", "2"]), invoked];
        answers.extend(
            (0..settled).map(|_| answer(200, &[], json!({"Successful": [], "Failed": []}))),
        );
        let (worker, http) = worker(answers);
        let messages = worker.receive().await.unwrap();
        let outcome = worker.handle(&messages).await;
        let requests = http.actual_requests().skip(2).map(|request| {
            let target = request.headers().get("x-amz-target").unwrap_or_default();
            let body: Value = serde_json::from_slice(request.body().bytes().unwrap()).unwrap();
            let ids = body["Entries"].as_array().unwrap().iter();
            let ids: Vec<_> = ids.filter_map(|entry| entry["Id"].as_str()).collect();
            (target.replace("AmazonSQS.", ""), ids.join(" "))
        });
        (outcome, requests.collect())
    }

    fn did(operation: &str, ids: &str) -> (String, String) {
        (operation.to_owned(), ids.to_owned())
    }

    #[tokio::test]
    async fn handled_messages_are_deleted() {
        let (outcome, did_it) = after(answer(200, &[], json!({"batchItemFailures": []})), 1).await;
        outcome.unwrap();
        assert_eq!(did_it, [did("DeleteMessageBatch", "1 2")]);
    }

    #[tokio::test]
    async fn a_message_that_failed_is_delivered_again() {
        let response = json!({"batchItemFailures": [{"itemIdentifier": "2"}]});
        let (outcome, did_it) = after(answer(200, &[], response), 2).await;
        outcome.unwrap();
        let expected = [
            did("DeleteMessageBatch", "1"),
            did("ChangeMessageVisibilityBatch", "2"),
        ];
        assert_eq!(did_it, expected);
    }

    #[tokio::test]
    async fn a_failed_invocation_keeps_all_messages() {
        let failed = ("x-amz-function-error", "Unhandled");
        for invoked in [
            answer(200, &[failed], json!({"errorType": "UNAVAILABLE"})),
            // cargo-lambda's answer to the same failure.
            answer(500, &[], json!({"errorType": "UNAVAILABLE"})),
            answer(200, &[], json!({"batchItemFailures": "all"})),
        ] {
            let (outcome, did_it) = after(invoked, 1).await;
            assert!(outcome.is_err());
            assert_eq!(did_it, [did("ChangeMessageVisibilityBatch", "1 2")]);
        }
    }

    #[test]
    fn pauses_double_up_to_a_limit() {
        let pauses = [1, 2, 3, 5, 6, 100].map(|failures| pause(failures).as_secs());
        assert_eq!(pauses, [1, 2, 4, 16, 30, 30]);
    }
}

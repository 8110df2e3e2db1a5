//! Handles one batch of a queue after the other.

use std::{pin::pin, time::Duration};

use anyhow::{Context as _, Error, Result, anyhow, ensure};
use aws_sdk_lambda::{
    config::http::HttpResponse, error::SdkError, operation::invoke::InvokeError, primitives::Blob,
};
use aws_sdk_sqs::types::{
    ChangeMessageVisibilityBatchRequestEntry, DeleteMessageBatchRequestEntry, Message,
    MessageSystemAttributeName,
};
use tokio::{sync::watch, time::sleep};

use crate::{
    Mapping, Services,
    batch::{Event, failures},
};

/// How long a request waits for messages, in seconds: the most that SQS allows.
const LONG_POLL: i32 = 20;

/// How long messages stay invisible unless the worker that received them says again that it handles
/// them. After a kill they are delivered again after this time.
const LEASE: Duration = Duration::from_secs(60);

/// The pause before a function that couldn't be invoked is tried again.
const BETWEEN_TRIES: Duration = Duration::from_secs(1);

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
                Ok(messages) => self.handle(&messages, &mut stop).await,
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
            .max_number_of_messages(self.mapping.batch.into())
            .wait_time_seconds(LONG_POLL)
            .visibility_timeout(seconds(LEASE))
            .message_system_attribute_names(MessageSystemAttributeName::All)
            .message_attribute_names("All")
            .send()
            .await
            .context("could not receive messages")?;
        Ok(received.messages.unwrap_or_default())
    }

    /// Invokes the function, deletes the messages that it has handled, and makes the others
    /// visible again after a pause. Fails if the function handled none.
    async fn handle(&self, messages: &[Message], stop: &mut watch::Receiver<bool>) -> Result<()> {
        if messages.is_empty() {
            return Ok(());
        }
        let response = self.holding(messages, self.deliver(messages, stop)).await;
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

    /// Does `work` and keeps the messages invisible meanwhile.
    async fn holding<T>(&self, messages: &[Message], work: impl Future<Output = T>) -> T {
        let mut work = pin!(work);
        let messages: Vec<_> = messages.iter().collect();
        loop {
            tokio::select! {
                done = &mut work => return done,
                () = sleep(LEASE / 3) => {}
            }
            if let Err(error) = self.show_again(&messages, |_| LEASE).await {
                // They may be delivered twice, which functions expect.
                eprintln!("{}: {error:#}", self.mapping.queue());
            }
        }
    }

    /// Invokes the function, and tries again until `stop` changes while it can't be invoked.
    async fn deliver(
        &self,
        messages: &[Message],
        stop: &mut watch::Receiver<bool>,
    ) -> Result<Vec<u8>> {
        let mut waiting = false;
        loop {
            let error = match self.invoke(messages).await {
                Ok(response) => return Ok(response),
                Err(Failure::Function(error)) => return Err(error),
                Err(Failure::NotInvoked(error)) => error,
            };
            if !waiting {
                waiting = true;
                let (queue, function) = (self.mapping.queue(), &self.mapping.function);
                eprintln!("{queue} waits for {function}: {error:#}");
            }
            tokio::select! {
                _ = stop.changed() => return Err(error),
                () = sleep(BETWEEN_TRIES) => {}
            }
        }
    }

    async fn invoke(&self, messages: &[Message]) -> Result<Vec<u8>, Failure> {
        let event = Event::new(messages, &self.queue_arn, &self.region);
        let event = serde_json::to_vec(&event).map_err(|error| Failure::Function(error.into()))?;
        let answer = self
            .services
            .lambda
            .invoke()
            .function_name(&self.mapping.function)
            .payload(Blob::new(event))
            .send()
            .await
            .map_err(|error| {
                let not_invoked = is_not_invoked(&error);
                let error = Error::from(error).context("could not invoke the function");
                if not_invoked {
                    Failure::NotInvoked(error)
                } else {
                    Failure::Function(error)
                }
            })?;
        if answer.function_error.is_some() {
            return Err(Failure::Function(anyhow!(
                "the function failed, and its messages are delivered again"
            )));
        }
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
        self.show_again(messages, |message| {
            let deliveries = message
                .attributes()
                .and_then(|all| all.get(&MessageSystemAttributeName::ApproximateReceiveCount))
                .and_then(|count| count.parse().ok());
            pause(deliveries.unwrap_or(1))
        })
        .await
    }

    /// Makes each message visible after a pause.
    async fn show_again(
        &self,
        messages: &[&Message],
        after: impl Fn(&Message) -> Duration,
    ) -> Result<()> {
        if messages.is_empty() {
            return Ok(());
        }
        let entry = |message: &&Message| {
            ChangeMessageVisibilityBatchRequestEntry::builder()
                .id(message.message_id().unwrap_or_default())
                .receipt_handle(message.receipt_handle().unwrap_or_default())
                .visibility_timeout(seconds(after(message)))
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
            .context("could not change when messages are delivered again")?;
        Ok(())
    }
}

/// Why a batch has no response.
enum Failure {
    /// The function can't be invoked at the moment.
    NotInvoked(Error),
    /// The function failed, or will never accept this batch.
    Function(Error),
}

/// Whether an invocation failed before it reached the function: nothing listens, no process of the
/// function runs, or too many invocations wait.
fn is_not_invoked(error: &SdkError<InvokeError, HttpResponse>) -> bool {
    match error {
        SdkError::DispatchFailure(_) => true,
        SdkError::ServiceError(refusal) => {
            matches!(refusal.raw().status().as_u16(), 404 | 429 | 503)
        }
        _ => false,
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
        let (_stop, mut stopped) = watch::channel(false);
        let outcome = worker.handle(&messages, &mut stopped).await;
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

    /// The messages wait for the function, and are handled once.
    #[tokio::test(start_paused = true)]
    async fn a_batch_waits_while_the_function_cannot_be_invoked() {
        let unavailable = |status| answer(status, &[], json!({"Message": "m"}));
        let (worker, http) = worker(vec![
            received(["1", "2"]),
            unavailable(503),
            unavailable(404),
            unavailable(429),
            answer(200, &[], json!({"batchItemFailures": []})),
            answer(200, &[], json!({"Successful": [], "Failed": []})),
        ]);
        let messages = worker.receive().await.unwrap();
        let (_stop, mut stopped) = watch::channel(false);
        worker.handle(&messages, &mut stopped).await.unwrap();
        let last = http.actual_requests().last().unwrap();
        let target = last.headers().get("x-amz-target");
        assert_eq!(target, Some("AmazonSQS.DeleteMessageBatch"));
        assert_eq!(http.actual_requests().count(), 6);
    }

    #[tokio::test(start_paused = true)]
    async fn a_batch_that_waits_is_released_at_the_end() {
        let (worker, http) = worker(vec![
            received(["1", "2"]),
            answer(503, &[], json!({"Message": "m"})),
            answer(200, &[], json!({"Successful": [], "Failed": []})),
        ]);
        let messages = worker.receive().await.unwrap();
        let (stop, mut stopped) = watch::channel(false);
        let stopping = async {
            sleep(BETWEEN_TRIES / 2).await;
            stop.send_replace(true);
        };
        let (outcome, ()) = tokio::join!(worker.handle(&messages, &mut stopped), stopping);
        assert!(outcome.is_err());
        let last = http.actual_requests().last().unwrap();
        let target = last.headers().get("x-amz-target");
        assert_eq!(target, Some("AmazonSQS.ChangeMessageVisibilityBatch"));
    }

    #[tokio::test(start_paused = true)]
    async fn messages_stay_invisible_while_the_function_works() {
        let extended = || answer(200, &[], json!({"Successful": [], "Failed": []}));
        let (worker, http) = worker(vec![received(["1", "2"]), extended(), extended()]);
        let messages = worker.receive().await.unwrap();
        worker.holding(&messages, sleep(LEASE * 3 / 4)).await;
        let bodies = http.actual_requests().skip(1).map(|request| {
            let body: Value = serde_json::from_slice(request.body().bytes().unwrap()).unwrap();
            body["Entries"][0]["VisibilityTimeout"].as_u64().unwrap()
        });
        assert_eq!(bodies.collect::<Vec<_>>(), [60, 60]);
    }

    #[test]
    fn pauses_double_up_to_a_limit() {
        let pauses = [1, 2, 3, 5, 6, 100].map(|failures| pause(failures).as_secs());
        assert_eq!(pauses, [1, 2, 4, 16, 30, 30]);
    }
}

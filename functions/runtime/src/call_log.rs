//! The call log of calls through API Gateway: after the response, the entry is sent to a queue that
//! `analytics-ingest` reads in batches. It waits there while the database is down. The gateway logs
//! the calls that it makes.
//!
//! [`crate::after`] decides when to send an entry. Logging never fails a call.

use std::time::{Duration, SystemTime};

use aws_sdk_sqs::Client;
use tracing::{Instrument as _, Span, info_span};
use trichrome_proto::{analytics::AnalyticsEntryMessage, contract::Operation, wire::Transport};
use trichrome_startup::error_chain;
use trichrome_telemetry::{self as telemetry, Origin, Trace};
use uuid::Uuid;

use crate::Env;

/// How long sending an entry may keep the environment running, retries included.
pub(crate) const TIMEOUT: Duration = Duration::from_secs(2);

/// The entry of a call.
pub(crate) fn entry(
    operation: &Operation,
    status: u16,
    elapsed: Duration,
    user_id: String,
    trace_id: String,
) -> AnalyticsEntryMessage {
    AnalyticsEntryMessage {
        transport: Transport::Rest.as_str().to_owned(),
        service: operation.package.to_owned(),
        method: operation.method.to_owned(),
        status: status.into(),
        duration_ms: elapsed.as_secs_f64() * 1e3,
        user_id,
        trace_id,
        at: Some(SystemTime::now().into()),
        id: Uuid::now_v7().to_string(),
        client: false,
    }
}

/// Sends entries to be written.
#[derive(Clone)]
pub(crate) struct CallLog {
    /// `None` if calls aren't logged.
    queue: Option<Queue>,
}

#[derive(Clone)]
struct Queue {
    client: Client,
    url: String,
}

impl CallLog {
    /// Reads `CALL_LOG_QUEUE_URL`. If it is unset, REST calls aren't logged.
    pub(crate) fn from_env(env: &mut Env) -> Self {
        let queue = env.optional("CALL_LOG_QUEUE_URL").map(|url| Queue {
            client: Client::new(&env.aws("sqs")),
            url,
        });
        Self { queue }
    }

    /// A call log that is disabled.
    pub(crate) fn none() -> Self {
        Self { queue: None }
    }

    /// Whether calls are logged.
    pub(crate) fn is_enabled(&self) -> bool {
        self.queue.is_some()
    }

    /// Sends the entry of the call at `trace`, within [`TIMEOUT`]. A failure is only logged.
    pub(crate) async fn send(&self, entry: AnalyticsEntryMessage, trace: Trace) {
        let Some(queue) = &self.queue else {
            return;
        };
        let span = queue.span();
        Trace::adopt(&span, Some(Origin::Parent(trace)));
        match tokio::time::timeout(TIMEOUT, queue.send(&entry).instrument(span.clone())).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => {
                telemetry::failed(&span, "no_answer");
                let error = error_chain(&error);
                tracing::warn!(
                    error,
                    trace_id = entry.trace_id,
                    "the call could not be logged"
                );
            }
            Err(_) => {
                telemetry::failed(&span, "timeout");
                tracing::warn!(trace_id = entry.trace_id, "logging the call timed out");
            }
        }
    }
}

impl Queue {
    /// The span of a message, by the conventions for messaging and AWS SDKs.
    fn span(&self) -> Span {
        let name = self.url.rsplit('/').next().unwrap_or_default();
        info_span!(
            "send",
            otel.kind = "producer",
            otel.name = format!("send {name}"),
            messaging.system = "aws_sqs",
            messaging.operation.name = "send",
            messaging.operation.type = "send",
            messaging.destination.name = name,
            rpc.system.name = "aws-api",
            rpc.method = "SQS/SendMessage",
            aws.sqs.queue.url = self.url,
        )
    }

    async fn send(&self, entry: &AnalyticsEntryMessage) -> Result<(), aws_sdk_sqs::Error> {
        // Strings and numbers always serialize.
        let body = serde_json::to_string(entry).unwrap_or_default();
        let message = self.client.send_message().queue_url(&self.url);
        message.message_body(body).send().await?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use aws_sdk_sqs::config::{BehaviorVersion, Credentials, Region};
    use aws_smithy_http_client::test_util::{ReplayEvent, StaticReplayClient};
    use aws_smithy_types::body::SdkBody;
    use serde_json::Value;
    use trichrome_proto::contract::by_function;

    use super::*;

    #[tokio::test]
    async fn the_message_is_the_entry() {
        let answer = http::Response::new(SdkBody::from(r#"{"MessageId":"1"}"#));
        let request = http::Request::new(SdkBody::empty());
        let http = StaticReplayClient::new(vec![ReplayEvent::new(request, answer)]);
        let config = aws_sdk_sqs::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new("eu-west-1"))
            .credentials_provider(Credentials::for_tests())
            .http_client(http.clone())
            .endpoint_url("http://queues.test")
            .build();
        let url = "https://sqs.eu-west-1.amazonaws.com/1/call-logs";
        let log = CallLog {
            queue: Some(Queue {
                client: Client::from_conf(config),
                url: url.to_owned(),
            }),
        };
        let login = by_function("auth-login").unwrap();
        let elapsed = Duration::from_millis(3);
        let entry = entry(login, 200, elapsed, "u".into(), "t".into());
        log.send(entry.clone(), Trace::begin()).await;
        let sent = http.actual_requests().next().unwrap();
        let sent: Value = serde_json::from_slice(sent.body().bytes().unwrap()).unwrap();
        assert_eq!(sent["QueueUrl"], url);
        let body = sent["MessageBody"].as_str().unwrap();
        let read: AnalyticsEntryMessage = serde_json::from_str(body).unwrap();
        assert_eq!(read, entry);
        assert!(Uuid::try_parse(&read.id).is_ok(), "{}", read.id);
    }
}

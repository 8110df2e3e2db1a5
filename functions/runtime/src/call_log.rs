//! The call log of a call that came straight through API Gateway: `analytics-log` is
//! invoked, asynchronously, once the response is on its way.
//!
//! Lambda freezes a function with its response, so the send runs in an internal extension,
//! which holds the environment until it is done. Logging never fails a call.

use std::time::{Duration, SystemTime};

use aws_sdk_lambda::{Client, primitives::Blob, types::InvocationType};
use lambda_extension::{Extension, LambdaEvent, NextEvent, service_fn};
use serde_json::json;
use tokio::sync::{Mutex, mpsc};
use trichrome_proto::{analytics::AnalyticsEntryMessage, contract::Operation};
use uuid::Uuid;

use crate::{Env, logs};

/// `requestContext.apiId` of the event that carries an entry.
pub(crate) const API_ID: &str = "trichrome-internal";

/// How long the environment is held for one entry.
const TIMEOUT: Duration = Duration::from_secs(2);

/// The entry for a call.
pub(crate) fn entry(
    operation: &Operation,
    status: u16,
    elapsed: Duration,
    user_id: String,
    trace_id: String,
) -> AnalyticsEntryMessage {
    AnalyticsEntryMessage {
        transport: "rest".to_owned(),
        service: operation.package.to_owned(),
        method: operation.method.to_owned(),
        status: status.into(),
        duration_ms: elapsed.as_secs_f64() * 1e3,
        user_id,
        trace_id,
        at: Some(SystemTime::now().into()),
        id: Uuid::now_v7().to_string(),
    }
}

/// Where entries go.
#[derive(Clone)]
pub(crate) struct CallLog {
    /// The function to invoke, by name, and the client; `None` where no log is kept.
    sink: Option<(String, Client)>,
}

impl CallLog {
    /// `CALL_LOG_FUNCTION` names the function; unset, REST calls are not logged.
    pub(crate) fn from_env(env: &mut Env) -> Self {
        Self {
            sink: env
                .optional("CALL_LOG_FUNCTION")
                .map(|function| (function, Client::new(&env.aws("lambda")))),
        }
    }

    /// Sends an entry, within [`TIMEOUT`]; a failure is logged and forgotten.
    async fn send(&self, entry: AnalyticsEntryMessage) {
        let Some((function, client)) = &self.sink else {
            return;
        };
        let event = event(&entry);
        let invoke = client
            .invoke()
            .function_name(function)
            .invocation_type(InvocationType::Event)
            .payload(Blob::new(event))
            .send();
        match tokio::time::timeout(TIMEOUT, invoke).await {
            Ok(Ok(_)) => {}
            Ok(Err(error)) => {
                let causes = logs::causes(&error);
                tracing::warn!(%error, causes, trace_id = entry.trace_id, "call not logged");
            }
            Err(_) => tracing::warn!(trace_id = entry.trace_id, "call not logged in time"),
        }
    }
}

/// The entry as an event of the shape that every function reads.
fn event(entry: &AnalyticsEntryMessage) -> Vec<u8> {
    json!({
        "version": "2.0",
        "routeKey": "POST /analytics",
        "rawPath": "/analytics",
        "rawQueryString": "",
        "headers": {"content-type": "application/json"},
        "requestContext": {
            "apiId": API_ID,
            "http": {"method": "POST", "path": "/analytics", "protocol": "HTTP/1.1"},
            "requestId": entry.id,
            "stage": "$default",
        },
        "body": serde_json::to_string(entry).unwrap_or_default(),
        "isBase64Encoded": false,
    })
    .to_string()
    .into_bytes()
}

/// What a call hands to the sender; one a call, an entry or none.
pub(crate) struct Outbox {
    log: CallLog,
    /// To the extension; `None` where there is none, and the send comes before the response.
    queue: Option<mpsc::Sender<Option<AnalyticsEntryMessage>>>,
}

impl Outbox {
    /// Ends a call.
    pub(crate) async fn put(&self, entry: Option<AnalyticsEntryMessage>) {
        match (&self.queue, entry) {
            // One call at a time: the queue has room, and a dead extension loses the entry.
            (Some(queue), entry) => drop(queue.try_send(entry)),
            (None, Some(entry)) => self.log.send(entry).await,
            (None, None) => {}
        }
    }
}

/// Registers the internal extension, if there is a log to keep and an Extensions API to
/// register with. Answers the outbox, and the extension's own work, to be run beside the
/// function's.
pub(crate) async fn register(
    log: CallLog,
) -> (
    Outbox,
    Option<impl Future<Output = Result<(), lambda_extension::Error>>>,
) {
    if log.sink.is_none() {
        return (Outbox { log, queue: None }, None);
    }
    // Room for a call whose entry the extension has not taken yet.
    let (queue, entries) = mpsc::channel(64);
    let entries = std::sync::Arc::new(Mutex::new(entries));
    let sender = log.clone();
    let extension = Extension::new()
        .with_extension_name("trichrome-call-log")
        .with_events(&["INVOKE"])
        .with_events_processor(service_fn(move |event: LambdaEvent| {
            let (entries, sender) = (entries.clone(), sender.clone());
            async move {
                if let NextEvent::Invoke(_) = event.next {
                    // Waits until this call's handler is through: only then is Lambda told
                    // that the extension is.
                    if let Some(Some(entry)) = entries.lock().await.recv().await {
                        sender.send(entry).await;
                    }
                }
                Ok::<_, lambda_extension::Error>(())
            }
        }))
        .register()
        .await;
    match extension {
        Ok(extension) => (
            Outbox {
                log,
                queue: Some(queue),
            },
            Some(extension.run()),
        ),
        Err(error) => {
            tracing::info!(%error, "no Extensions API: calls are logged before the response");
            (Outbox { log, queue: None }, None)
        }
    }
}

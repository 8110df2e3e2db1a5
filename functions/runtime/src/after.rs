//! What a call leaves to be done once its answer has gone: its figures, its call log, its
//! spans.
//!
//! Lambda freezes a function with its response, so this runs under an internal extension,
//! which holds the environment until it is done. None of it fails a call, or delays it.

use std::{sync::Arc, time::Duration};

use lambda_extension::{Extension, LambdaEvent, NextEvent, service_fn};
use tokio::sync::{Mutex, mpsc};
use trichrome_proto::analytics::AnalyticsEntryMessage;
use trichrome_telemetry::{Spans, Trace};

use crate::{Env, call_log::CallLog, emf::Sample};

/// How long the environment is held for the spans of one call.
const FLUSH: Duration = Duration::from_secs(1);

/// How long the extension waits for a call that it was told of. A call whose event could not
/// be read never comes; a little more than the longest that does.
const LONGEST_CALL: Duration = Duration::from_secs(15);

/// A call that is over.
pub(crate) struct Finished {
    /// The entry to log, where that falls to the function.
    pub(crate) entry: Option<AnalyticsEntryMessage>,
    /// Where the call is in its trace.
    pub(crate) trace: Trace,
    pub(crate) sample: Sample,
}

/// What is done after a call.
#[derive(Clone)]
pub(crate) struct After {
    log: CallLog,
    spans: Option<Spans>,
    measured: bool,
}

impl After {
    /// `METRICS=off` leaves the figures out: CloudWatch charges for each metric.
    pub(crate) fn from_env(env: &mut Env, log: CallLog, spans: Option<Spans>) -> Self {
        let measured = env
            .variables()
            .optional_with("METRICS", "emf or off", |text| match text {
                "emf" => Some(true),
                "off" => Some(false),
                _ => None,
            })
            .unwrap_or(true);
        Self {
            log,
            spans,
            measured,
        }
    }

    async fn run(&self, finished: Finished) {
        self.keep(finished).await;
        if let Some(spans) = &self.spans {
            spans.flush(FLUSH).await;
        }
    }

    /// All but the spans.
    async fn keep(&self, finished: Finished) {
        if self.measured {
            finished.sample.write();
        }
        if let Some(entry) = finished.entry {
            self.log.send(entry, finished.trace).await;
        }
    }
}

/// Where calls are put that are over.
pub(crate) struct Outbox {
    after: After,
    /// To the extension; `None` where there is none.
    queue: Option<mpsc::Sender<Finished>>,
}

impl Outbox {
    /// Ends a call.
    pub(crate) async fn put(&self, finished: Finished) {
        if let Some(queue) = &self.queue {
            // One call at a time: the queue has room, and a dead extension loses the call.
            drop(queue.try_send(finished));
            return;
        }
        // Before the response: nothing is sure to run after it.
        self.after.keep(finished).await;
        // But spans are not worth a caller's time; where nothing is frozen they get out.
        if let Some(spans) = self.after.spans.clone() {
            tokio::spawn(async move { spans.flush(FLUSH).await });
        }
    }
}

/// Registers the internal extension, if it has something to do and an Extensions API to
/// register with. Answers the outbox, and the extension's own work, to be run beside the
/// function's.
pub(crate) async fn register(
    after: After,
) -> (
    Outbox,
    Option<impl Future<Output = Result<(), lambda_extension::Error>>>,
) {
    if after.spans.is_none() && !after.log.is_kept() {
        return (Outbox { after, queue: None }, None);
    }
    // Room for calls that the worker has not come to yet.
    let (queue, mut calls) = mpsc::channel::<Finished>(64);
    let (done, waiting) = mpsc::channel(64);
    let waiting = Arc::new(Mutex::new(waiting));
    let worker = after.clone();
    let extension = Extension::new()
        .with_extension_name("trichrome-after")
        .with_events(&["INVOKE"])
        .with_events_processor(service_fn(move |event: LambdaEvent| {
            let waiting = waiting.clone();
            async move {
                if let NextEvent::Invoke(_) = event.next {
                    // Only then is Lambda told that the extension is through with the call.
                    let mut waiting = waiting.lock().await;
                    let _through = tokio::time::timeout(LONGEST_CALL, waiting.recv()).await;
                }
                Ok::<_, lambda_extension::Error>(())
            }
        }))
        .register()
        .await;
    match extension {
        Ok(extension) => {
            tokio::spawn(async move {
                while let Some(finished) = calls.recv().await {
                    worker.run(finished).await;
                    // Full where nobody waits: a local runtime tells of fewer calls.
                    let _nobody_waits = done.try_send(());
                }
            });
            let queue = Some(queue);
            (Outbox { after, queue }, Some(extension.run()))
        }
        Err(error) => {
            tracing::info!(%error, "no Extensions API: calls are logged before the response");
            (Outbox { after, queue: None }, None)
        }
    }
}

//! Work after the response of a call: metrics, call log and spans.
//!
//! Lambda freezes a function after its response, so this work runs in an internal extension,
//! which keeps the environment running until it is done. It never fails or delays a call.

use std::{sync::Arc, time::Duration};

use lambda_extension::{Extension, LambdaEvent, NextEvent, service_fn};
use tokio::sync::{Mutex, mpsc};
use trichrome_proto::analytics::AnalyticsEntryMessage;
use trichrome_telemetry::{Spans, Trace};

use crate::{
    Env,
    call_log::CallLog,
    emf::{Metrics, Sample},
};

/// How long exporting the spans of a call may keep the environment running.
const FLUSH_TIMEOUT: Duration = Duration::from_secs(1);

/// How long the extension waits for the end of a call that Lambda announced: a little longer than
/// the longest call and the work after it, and less than Lambda allows for both. A call whose event
/// can't be parsed never ends.
const MAX_CALL_DURATION: Duration = Duration::from_secs(13);

/// A call that has ended.
pub(crate) struct Finished {
    /// The entry to log, unless the gateway logs the call.
    pub(crate) entry: Option<AnalyticsEntryMessage>,
    /// The position of the call in its trace.
    pub(crate) trace: Trace,
    pub(crate) sample: Sample,
}

/// What to do after a call.
#[derive(Clone)]
pub(crate) struct After {
    log: CallLog,
    spans: Option<Spans>,
    metrics: Option<Metrics>,
}

impl After {
    /// Reads `METRICS`: which metrics are written, for each of which CloudWatch charges. `STACK_NAME`
    /// is a dimension of all of them.
    pub(crate) fn from_env(env: &mut Env, log: CallLog, spans: Option<Spans>) -> Self {
        let stack = env.variables().optional("STACK_NAME");
        let stack = stack.unwrap_or_else(|| "local".to_owned());
        let detailed = env
            .variables()
            .optional_with("METRICS", "emf, detailed or off", |text| match text {
                "emf" => Some(Some(false)),
                "detailed" => Some(Some(true)),
                "off" => Some(None),
                _ => None,
            })
            .unwrap_or(Some(false));
        let metrics = detailed.map(|detailed| Metrics { stack, detailed });
        Self {
            log,
            spans,
            metrics,
        }
    }

    async fn run(&self, finished: Finished) {
        self.record(finished).await;
        if let Some(spans) = &self.spans {
            spans.flush(FLUSH_TIMEOUT).await;
        }
    }

    /// Writes metrics and call log.
    async fn record(&self, finished: Finished) {
        if let Some(metrics) = &self.metrics {
            finished.sample.write(metrics);
        }
        if let Some(entry) = finished.entry {
            self.log.send(entry, finished.trace).await;
        }
    }
}

/// Takes calls that have ended.
pub(crate) struct Outbox {
    after: After,
    /// The queue of the extension; `None` without one.
    queue: Option<mpsc::Sender<Finished>>,
}

impl Outbox {
    /// Ends a call: passes it to the extension, or does its work now.
    pub(crate) async fn put(&self, finished: Finished) {
        if let Some(queue) = &self.queue {
            // There is one call at a time, so the queue has room unless the extension ended.
            drop(queue.try_send(finished));
            return;
        }
        // Before the response, because nothing is sure to run after it.
        self.after.record(finished).await;
        // Spans don't delay the response. They are exported if the process isn't frozen.
        if let Some(spans) = self.after.spans.clone() {
            tokio::spawn(async move { spans.flush(FLUSH_TIMEOUT).await });
        }
    }
}

/// Registers the internal extension, if it has work to do and there is an Extensions API.
/// Returns the outbox, and the extension's future, to be run concurrently with the function's.
pub(crate) async fn register(
    after: After,
) -> (
    Outbox,
    Option<impl Future<Output = Result<(), lambda_extension::Error>>>,
) {
    if after.spans.is_none() && !after.log.is_enabled() {
        return (Outbox { after, queue: None }, None);
    }
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
                    // Lambda waits for this before it freezes the environment.
                    let mut waiting = waiting.lock().await;
                    let _ended = tokio::time::timeout(MAX_CALL_DURATION, waiting.recv()).await;
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
                    // Full if local runtimes announce fewer calls than they make.
                    let _full = done.try_send(());
                }
            });
            let queue = Some(queue);
            (Outbox { after, queue }, Some(extension.run()))
        }
        Err(error) => {
            tracing::info!(%error, "there is no Extensions API; calls are logged before the response");
            (Outbox { after, queue: None }, None)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{call_log, start};

    /// Lambda's time limit covers the call and what the extension does after it.
    #[test]
    fn the_work_after_the_longest_call_fits_the_time_limit() {
        let longest = start::CALL_TIMEOUT + call_log::TIMEOUT + FLUSH_TIMEOUT;
        assert!(longest < MAX_CALL_DURATION);
        let template = concat!(env!("CARGO_MANIFEST_DIR"), "/../../template.yaml");
        let template = std::fs::read_to_string(template).unwrap();
        let globals = template.split_once("\nGlobals:\n").unwrap().1;
        let limit = globals
            .lines()
            .find_map(|line| line.trim().strip_prefix("Timeout: "))
            .unwrap();
        let limit = Duration::from_secs(limit.parse().unwrap());
        assert!(MAX_CALL_DURATION < limit, "{limit:?}");
    }
}

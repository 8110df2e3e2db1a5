//! Exporting spans to the collector.
//!
//! OpenTelemetry's batch processor has a thread of its own and a blocking client. A function has
//! one thread and is frozen after each call, so here the process decides when to export: a
//! function after each call, the gateway continuously.
//!
//! A collector that is down costs only its spans: the queue is bounded, exports have a timeout,
//! and after a failure they pause.

use std::{
    fmt,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use opentelemetry::Context;
use opentelemetry_otlp::SpanExporter;
use opentelemetry_sdk::{
    error::OTelSdkResult,
    trace::{Span, SpanData, SpanExporter as _, SpanProcessor},
};
use tokio::{
    sync::{Mutex as AsyncMutex, Notify},
    time::{Instant, timeout_at},
};

/// The size of the queue: about 2 MB. (The default of `OTEL_BSP_MAX_QUEUE_SIZE`.)
const MAX_QUEUE: usize = 2048;

/// Spans in a request, at most. (The default of `OTEL_BSP_MAX_EXPORT_BATCH_SIZE`.)
const MAX_BATCH: usize = 512;

/// How often [`Spans::run`] exports.
const INTERVAL: Duration = Duration::from_secs(1);

/// How long exports pause after the first failure. The pause doubles with each further one.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const MAX_PAUSE: Duration = Duration::from_secs(30);

/// Finished spans, queued for export. Cheap to clone.
#[derive(Clone)]
pub struct Spans(Arc<Inner>);

struct Inner {
    queue: Mutex<Vec<SpanData>>,
    /// Notified when the queue has a full batch.
    batch_ready: Notify,
    lost: AtomicU64,
    exporter: SpanExporter,
    /// Locked while exporting, so that there is one request at a time.
    outage: AsyncMutex<Option<Outage>>,
}

/// The collector fails.
struct Outage {
    failures: u32,
    retry_at: Instant,
}

impl Spans {
    pub(crate) fn new(exporter: SpanExporter) -> Self {
        Self(Arc::new(Inner {
            queue: Mutex::default(),
            batch_ready: Notify::new(),
            lost: AtomicU64::new(0),
            exporter,
            outage: AsyncMutex::default(),
        }))
    }

    /// Exports the queued spans within `timeout` overall. Spans that the collector refuses are
    /// lost; spans for which there is no time stay queued.
    pub async fn flush(&self, timeout: Duration) {
        self.export(timeout, Some(Instant::now() + timeout)).await;
    }

    /// Exports every second, or as soon as there is a full batch, as long as it is polled. Each
    /// request may take `timeout`.
    pub async fn run(&self, timeout: Duration) {
        loop {
            let batch_ready = self.0.batch_ready.notified();
            // Elapsed or notified, it's time to export.
            let _elapsed = tokio::time::timeout(INTERVAL, batch_ready).await;
            self.export(timeout, None).await;
        }
    }

    /// Exports the queued spans until `end`, or without one with `timeout` for each request.
    async fn export(&self, timeout: Duration, end: Option<Instant>) {
        let deadline = || end.unwrap_or_else(|| Instant::now() + timeout);
        let Ok(mut outage) = timeout_at(deadline(), self.0.outage.lock()).await else {
            return;
        };
        if outage
            .as_ref()
            .is_some_and(|outage| Instant::now() < outage.retry_at)
        {
            return;
        }
        // Ignore spans that end in the meantime: a busy process would never finish.
        let mut left = self.queue().len();
        let mut responded = false;
        while left > 0 {
            let until = deadline();
            if responded && until < Instant::now() + timeout / 2 {
                // Too little time for another request: it would be canceled and its spans lost.
                return;
            }
            let batch = self.take(left);
            let count = batch.len();
            left -= count;
            let sent = match timeout_at(until, self.0.exporter.export(batch)).await {
                Ok(Ok(())) => Ok(()),
                Ok(Err(error)) => Err((error.to_string(), true)),
                // A collector that just responded isn't down because little time was left.
                Err(_) => Err((
                    format!("no response within {timeout:?}"),
                    !responded || end.is_none(),
                )),
            };
            match sent {
                Ok(()) => {
                    responded = true;
                    self.recovered(&mut outage);
                }
                Err((error, down)) => {
                    self.0.lost.fetch_add(count as u64, Ordering::Relaxed);
                    if down {
                        failed(&mut outage, &error);
                    }
                    return;
                }
            }
        }
        if self.queue().len() >= MAX_BATCH {
            self.0.batch_ready.notify_one();
        }
    }

    /// The number of lost spans: the collector failed, or the queue was full.
    pub fn lost(&self) -> u64 {
        self.0.lost.load(Ordering::Relaxed)
    }

    /// Takes the oldest spans from the queue: at most `limit`, and at most a batch.
    fn take(&self, limit: usize) -> Vec<SpanData> {
        let mut queue = self.queue();
        let count = queue.len().min(limit).min(MAX_BATCH);
        queue.drain(..count).collect()
    }

    fn queue(&self) -> std::sync::MutexGuard<'_, Vec<SpanData>> {
        self.0.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn recovered(&self, outage: &mut Option<Outage>) {
        if outage.take().is_some() {
            tracing::info!(lost = self.lost(), "the collector accepts spans again");
        }
    }
}

/// Records a failure, and logs the first one of an outage.
fn failed(outage: &mut Option<Outage>, error: &str) {
    let failures = outage.as_ref().map_or(0, |outage| outage.failures);
    if failures == 0 {
        tracing::warn!(
            error,
            "the collector fails; spans are lost until it recovers"
        );
    }
    let pause = FIRST_PAUSE
        .saturating_mul(1 << failures.min(5))
        .min(MAX_PAUSE);
    *outage = Some(Outage {
        failures: failures.saturating_add(1),
        retry_at: Instant::now() + pause,
    });
}

impl fmt::Debug for Spans {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Spans").finish_non_exhaustive()
    }
}

impl SpanProcessor for Spans {
    fn on_start(&self, _: &mut Span, _: &Context) {}

    fn on_end(&self, span: SpanData) {
        if !span.span_context.is_sampled() {
            return;
        }
        let mut queue = self.queue();
        if queue.len() < MAX_QUEUE {
            queue.push(span);
        } else {
            self.0.lost.fetch_add(1, Ordering::Relaxed);
        }
        if queue.len() == MAX_BATCH {
            self.0.batch_ready.notify_one();
        }
    }

    fn force_flush(&self) -> OTelSdkResult {
        Ok(())
    }

    fn shutdown_with_timeout(&self, _: Duration) -> OTelSdkResult {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::{
        net::{SocketAddr, TcpListener},
        sync::{OnceLock, mpsc},
    };

    use opentelemetry::trace::{Tracer as _, TracerProvider as _};
    use opentelemetry_otlp::WithExportConfig as _;
    use opentelemetry_sdk::trace::SdkTracerProvider;
    use tracing_subscriber::layer::SubscriberExt as _;
    use trichrome_traces::{Receiver, spans};

    use super::*;
    use crate::{Origin, Trace, client::Http, setup::exporter};

    /// A queue that exports to this address, and a function that makes spans.
    fn exporting_to(address: SocketAddr) -> (Spans, impl Fn(usize)) {
        let exporter = exporter(Http::new(false).unwrap())
            .with_endpoint(format!("http://{address}/v1/traces"))
            .build()
            .unwrap();
        let spans = Spans::new(exporter);
        let provider = SdkTracerProvider::builder()
            .with_span_processor(spans.clone())
            .build();
        let tracer = provider.tracer("test");
        let make = move |count| {
            for _ in 0..count {
                drop(tracer.start("span"));
            }
        };
        (spans, make)
    }

    fn unused_address() -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        listener.local_addr().unwrap()
    }

    #[tokio::test]
    async fn spans_are_exported_in_batches() {
        let (sender, requests) = mpsc::channel();
        let receiver = Receiver::start(([127, 0, 0, 1], 0).into(), move |request| {
            sender.send(spans(&request).len()).unwrap();
        })
        .unwrap();
        let (spans, make) = exporting_to(receiver.address());
        make(MAX_BATCH + 3);
        spans.flush(Duration::from_secs(10)).await;
        assert_eq!(requests.try_iter().collect::<Vec<_>>(), [MAX_BATCH, 3]);
        assert_eq!(spans.lost(), 0);
    }

    #[tokio::test]
    async fn new_spans_wait_for_the_next_export() {
        type Make = Box<dyn Fn(usize) + Send + Sync>;
        let make = Arc::new(OnceLock::<Make>::new());
        let more = Arc::clone(&make);
        let (sender, requests) = mpsc::channel();
        let receiver = Receiver::start(([127, 0, 0, 1], 0).into(), move |request| {
            sender.send(spans(&request).len()).unwrap();
            (more.get().unwrap())(2);
        })
        .unwrap();
        let (spans, fill) = exporting_to(receiver.address());
        assert!(make.set(Box::new(fill)).is_ok());
        (make.get().unwrap())(MAX_BATCH + 1);
        for _ in 0..3 {
            spans.flush(Duration::from_secs(10)).await;
        }
        assert_eq!(
            requests.try_iter().collect::<Vec<_>>(),
            [MAX_BATCH, 1, 4, 2]
        );
        assert_eq!((spans.lost(), spans.queue().len()), (0, 2));
    }

    #[tokio::test]
    async fn a_collector_that_responds_is_not_down_when_time_is_up() {
        let (release, held) = mpsc::channel::<()>();
        let held = Mutex::new(held);
        let receiver = Receiver::start(([127, 0, 0, 1], 0).into(), move |request| {
            if spans(&request).len() < MAX_BATCH {
                // Hold the response until the test ends.
                let _released = held.lock().unwrap().recv();
            }
        })
        .unwrap();
        let (spans, make) = exporting_to(receiver.address());
        make(MAX_BATCH + 1);
        spans.flush(Duration::from_secs(2)).await;
        drop(release);
        assert!(spans.0.outage.lock().await.is_none());
    }

    #[tokio::test(start_paused = true)]
    async fn exports_pause_while_the_collector_is_down() {
        let (spans, make) = exporting_to(unused_address());
        make(1);
        spans.flush(Duration::from_secs(10)).await;
        assert_eq!(spans.lost(), 1);
        make(1);
        // During the pause nothing is exported, so nothing is lost.
        spans.flush(Duration::from_secs(10)).await;
        assert_eq!((spans.lost(), spans.queue().len()), (1, 1));
    }

    #[tokio::test]
    async fn a_failed_request_is_not_repeated() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let (spans, make) = exporting_to(listener.local_addr().unwrap());
        let counting = listener.try_clone().unwrap();
        let server = std::thread::spawn(move || drop(counting.accept()));
        make(1);
        spans.flush(Duration::from_secs(10)).await;
        server.join().unwrap();
        assert_eq!(spans.lost(), 1);
        listener.set_nonblocking(true).unwrap();
        assert!(listener.accept().is_err(), "a second attempt");
    }

    #[tokio::test]
    async fn a_response_is_awaited_only_until_the_timeout() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let (spans, make) = exporting_to(listener.local_addr().unwrap());
        make(1);
        let begun = std::time::Instant::now();
        spans.flush(Duration::from_millis(50)).await;
        assert!(begun.elapsed() < Duration::from_secs(5));
        assert_eq!(spans.lost(), 1);
    }

    #[tokio::test]
    async fn the_queue_is_bounded() {
        let (spans, make) = exporting_to(unused_address());
        make(MAX_QUEUE + 5);
        assert_eq!(spans.queue().len(), MAX_QUEUE);
        assert_eq!(spans.lost(), 5);
    }

    #[tokio::test]
    async fn later_changes_of_a_span_are_exported() {
        let (spans, _) = exporting_to(unused_address());
        let provider = SdkTracerProvider::builder()
            .with_span_processor(spans.clone())
            .build();
        let layer = tracing_opentelemetry::layer().with_tracer(provider.tracer("test"));
        let subscriber = tracing_subscriber::Registry::default().with(layer);
        let parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        tracing::subscriber::with_default(subscriber, || {
            let span = tracing::info_span!("request", otel.kind = "server");
            let origin = Origin::read(|name| (name == "traceparent").then_some(parent));
            let trace = Trace::adopt(&span, origin);
            assert_eq!(trace.id(), &parent[3..35]);
            assert_ne!(trace.parent(), parent);
            crate::rename(&span, "GET /users".to_owned());
            crate::set(&span, "http.route", "/users");
            crate::failed(&span, "503");
        });
        let queue = spans.queue();
        let [span] = queue.as_slice() else {
            panic!("one span: {queue:?}");
        };
        assert_eq!(span.name, "GET /users");
        assert_eq!(span.parent_span_id.to_string(), &parent[36..52]);
        assert_eq!(span.status, opentelemetry::trace::Status::error("503"));
        let has = |key: &str| span.attributes.iter().any(|pair| pair.key.as_str() == key);
        assert!(has("http.route") && has("error.type"));
    }

    #[tokio::test(start_paused = true)]
    async fn the_pause_grows_with_failures() {
        let mut outage = None;
        failed(&mut outage, "down");
        failed(&mut outage, "down");
        let pause = outage.unwrap().retry_at - Instant::now();
        assert!(pause > FIRST_PAUSE && pause <= 2 * FIRST_PAUSE, "{pause:?}");
    }
}

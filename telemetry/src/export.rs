//! Spans on their way to the collector.
//!
//! OpenTelemetry's own batch processor works on a thread of its own, with a client that
//! blocks. A function is frozen once its call is over and has one thread, so here it is the
//! process that says when to send: a function after each call, the gateway all the time.
//!
//! A collector that is down costs its spans and nothing else: what waits is bounded, sending
//! has an end, and after a failure it rests for a while.

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

/// Spans that wait, at most: about 2 MB. (The default of `OTEL_BSP_MAX_QUEUE_SIZE`.)
const MOST_WAITING: usize = 2048;

/// Spans in one request, at most. (The default of `OTEL_BSP_MAX_EXPORT_BATCH_SIZE`.)
const BATCH: usize = 512;

/// How often spans are sent by [`Spans::run`].
const EVERY: Duration = Duration::from_secs(1);

/// How long sending rests after a first failure; twice as long after each further one.
const REST: Duration = Duration::from_secs(1);
const LONGEST_REST: Duration = Duration::from_secs(30);

/// Spans that ended and wait to be sent. Cheap to clone.
#[derive(Clone)]
pub struct Spans(Arc<Inner>);

struct Inner {
    waiting: Mutex<Vec<SpanData>>,
    enough: Notify,
    lost: AtomicU64,
    exporter: SpanExporter,
    /// Held while sending, so that requests go out one after the other.
    outage: AsyncMutex<Option<Outage>>,
}

/// The collector does not take spans.
struct Outage {
    failures: u32,
    retry_at: Instant,
}

impl Spans {
    pub(crate) fn new(exporter: SpanExporter) -> Self {
        Self(Arc::new(Inner {
            waiting: Mutex::default(),
            enough: Notify::new(),
            lost: AtomicU64::new(0),
            exporter,
            outage: AsyncMutex::default(),
        }))
    }

    /// Sends what waits now, within `patience` together. What the collector does not take is
    /// lost; what there is no time for waits for the next flush.
    pub async fn flush(&self, patience: Duration) {
        self.send(patience, Some(Instant::now() + patience)).await;
    }

    /// Sends every second, and at once where there is enough for a request, for as long as
    /// it is polled. Each request may take `patience`.
    pub async fn run(&self, patience: Duration) {
        loop {
            let enough = self.0.enough.notified();
            // Elapsed or notified: both are the time to send.
            let _when = tokio::time::timeout(EVERY, enough).await;
            self.send(patience, None).await;
        }
    }

    /// Sends what waits, until `end` where there is one; else each request has `patience`.
    async fn send(&self, patience: Duration, end: Option<Instant>) {
        let deadline = || end.unwrap_or_else(|| Instant::now() + patience);
        let Ok(mut outage) = timeout_at(deadline(), self.0.outage.lock()).await else {
            return;
        };
        if outage
            .as_ref()
            .is_some_and(|outage| Instant::now() < outage.retry_at)
        {
            return;
        }
        // Not what ends meanwhile: a busy process would have no end of it.
        let mut left = self.waiting().len();
        let mut answered = false;
        while left > 0 {
            let until = deadline();
            if answered && until < Instant::now() + patience / 2 {
                // Too little for one more request, which would be cut, and its spans lost.
                return;
            }
            let batch = self.take(left);
            let count = batch.len();
            left -= count;
            let sent = match timeout_at(until, self.0.exporter.export(batch)).await {
                Ok(Ok(())) => Ok(()),
                Ok(Err(error)) => Err((error.to_string(), true)),
                // One that has just answered is not down where the time left was short.
                Err(_) => Err((
                    format!("no answer within {patience:?}"),
                    !answered || end.is_none(),
                )),
            };
            match sent {
                Ok(()) => {
                    answered = true;
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
        if self.waiting().len() >= BATCH {
            self.0.enough.notify_one();
        }
    }

    /// Spans that were lost so far: the collector did not take them, or too many waited.
    pub fn lost(&self) -> u64 {
        self.0.lost.load(Ordering::Relaxed)
    }

    /// The oldest, `most` of them and no more than a request takes.
    fn take(&self, most: usize) -> Vec<SpanData> {
        let mut waiting = self.waiting();
        let count = waiting.len().min(most).min(BATCH);
        waiting.drain(..count).collect()
    }

    fn waiting(&self) -> std::sync::MutexGuard<'_, Vec<SpanData>> {
        self.0
            .waiting
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    fn recovered(&self, outage: &mut Option<Outage>) {
        if outage.take().is_some() {
            tracing::info!(lost = self.lost(), "the collector takes spans again");
        }
    }
}

/// One line when it begins, and not one for each attempt.
fn failed(outage: &mut Option<Outage>, error: &str) {
    let failures = outage.as_ref().map_or(0, |outage| outage.failures);
    if failures == 0 {
        tracing::warn!(
            error,
            "the collector does not take spans; they are lost until it does"
        );
    }
    let rest = REST.saturating_mul(1 << failures.min(5)).min(LONGEST_REST);
    *outage = Some(Outage {
        failures: failures.saturating_add(1),
        retry_at: Instant::now() + rest,
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
        let mut waiting = self.waiting();
        if waiting.len() < MOST_WAITING {
            waiting.push(span);
        } else {
            self.0.lost.fetch_add(1, Ordering::Relaxed);
        }
        if waiting.len() == BATCH {
            self.0.enough.notify_one();
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
    use trichrome_otlp::{Receiver, spans};

    use super::*;
    use tracing_subscriber::layer::SubscriberExt as _;

    use crate::{Origin, Trace, client::Http, setup::exporter};

    /// Makes spans that are sent to this address.
    fn sending_to(address: SocketAddr) -> (Spans, impl Fn(usize)) {
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

    fn nobody() -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        listener.local_addr().unwrap()
    }

    #[tokio::test]
    async fn spans_arrive_in_requests_of_some_size() {
        let (sender, requests) = mpsc::channel();
        let receiver = Receiver::start(([127, 0, 0, 1], 0).into(), move |request| {
            sender.send(spans(&request).len()).unwrap();
        })
        .unwrap();
        let (spans, make) = sending_to(receiver.address());
        make(BATCH + 3);
        spans.flush(Duration::from_secs(10)).await;
        assert_eq!(requests.try_iter().collect::<Vec<_>>(), [BATCH, 3]);
        assert_eq!(spans.lost(), 0);
    }

    #[tokio::test]
    async fn spans_that_keep_coming_wait_for_the_next_time() {
        type Make = Box<dyn Fn(usize) + Send + Sync>;
        let make = Arc::new(OnceLock::<Make>::new());
        let more = Arc::clone(&make);
        let (sender, requests) = mpsc::channel();
        let receiver = Receiver::start(([127, 0, 0, 1], 0).into(), move |request| {
            sender.send(spans(&request).len()).unwrap();
            (more.get().unwrap())(2);
        })
        .unwrap();
        let (spans, fill) = sending_to(receiver.address());
        assert!(make.set(Box::new(fill)).is_ok());
        (make.get().unwrap())(BATCH + 1);
        for _ in 0..3 {
            spans.flush(Duration::from_secs(10)).await;
        }
        assert_eq!(requests.try_iter().collect::<Vec<_>>(), [BATCH, 1, 4, 2]);
        assert_eq!((spans.lost(), spans.waiting().len()), (0, 2));
    }

    #[tokio::test]
    async fn one_that_answers_is_not_down_when_the_time_is_up() {
        let (go_on, held) = mpsc::channel::<()>();
        let held = Mutex::new(held);
        let receiver = Receiver::start(([127, 0, 0, 1], 0).into(), move |request| {
            if spans(&request).len() < BATCH {
                // Until the test is over.
                let _over = held.lock().unwrap().recv();
            }
        })
        .unwrap();
        let (spans, make) = sending_to(receiver.address());
        make(BATCH + 1);
        spans.flush(Duration::from_secs(2)).await;
        drop(go_on);
        assert!(spans.0.outage.lock().await.is_none());
    }

    #[tokio::test(start_paused = true)]
    async fn a_collector_that_is_down_costs_its_spans_and_is_left_alone() {
        let (spans, make) = sending_to(nobody());
        make(1);
        spans.flush(Duration::from_secs(10)).await;
        assert_eq!(spans.lost(), 1);
        make(1);
        // It rests: nothing is tried, so nothing more is lost.
        spans.flush(Duration::from_secs(10)).await;
        assert_eq!((spans.lost(), spans.waiting().len()), (1, 1));
    }

    #[tokio::test]
    async fn a_failure_is_not_repeated_at_once() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let (spans, make) = sending_to(listener.local_addr().unwrap());
        let counting = listener.try_clone().unwrap();
        let hung_up = std::thread::spawn(move || drop(counting.accept()));
        make(1);
        spans.flush(Duration::from_secs(10)).await;
        hung_up.join().unwrap();
        assert_eq!(spans.lost(), 1);
        listener.set_nonblocking(true).unwrap();
        assert!(listener.accept().is_err(), "a second attempt");
    }

    #[tokio::test]
    async fn one_that_does_not_answer_is_not_waited_for() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let (spans, make) = sending_to(listener.local_addr().unwrap());
        make(1);
        let begun = std::time::Instant::now();
        spans.flush(Duration::from_millis(50)).await;
        assert!(begun.elapsed() < Duration::from_secs(5));
        assert_eq!(spans.lost(), 1);
    }

    #[tokio::test]
    async fn what_waits_is_bounded() {
        let (spans, make) = sending_to(nobody());
        make(MOST_WAITING + 5);
        assert_eq!(spans.waiting().len(), MOST_WAITING);
        assert_eq!(spans.lost(), 5);
    }

    #[tokio::test]
    async fn what_is_said_of_a_span_later_is_sent_too() {
        let (spans, _) = sending_to(nobody());
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
        let waiting = spans.waiting();
        let [span] = waiting.as_slice() else {
            panic!("one span: {waiting:?}");
        };
        assert_eq!(span.name, "GET /users");
        assert_eq!(span.parent_span_id.to_string(), &parent[36..52]);
        assert_eq!(span.status, opentelemetry::trace::Status::error("503"));
        let has = |key: &str| span.attributes.iter().any(|pair| pair.key.as_str() == key);
        assert!(has("http.route") && has("error.type"));
    }

    #[tokio::test(start_paused = true)]
    async fn after_a_rest_it_is_tried_again() {
        let mut outage = None;
        failed(&mut outage, "down");
        failed(&mut outage, "down");
        let rest = outage.unwrap().retry_at - Instant::now();
        assert!(rest > REST && rest <= 2 * REST, "{rest:?}");
    }
}

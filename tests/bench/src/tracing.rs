//! The overhead of tracing, with the same calls to a stack that exports no spans and to one that
//! does, and the number of spans per request.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use anyhow::{Result, ensure};
use tokio::time::{Instant, sleep};
use trichrome_traces::{ExportTraceServiceRequest, Receiver};
use uuid::Uuid;

use crate::{
    call,
    settings::{Settings, Traced},
    stats::Rounds,
    table::Table,
    turns::{CONNECTIONS, Caller, grpc, in_turns, rest},
    upload::{FUNCTION, Uploader, Way},
};

/// A small picture, since the transport is measured.
const PICTURE: usize = 1024;

/// A trace is complete if no span has arrived for this long; they are exported within two
/// seconds.
const QUIET: Duration = Duration::from_secs(3);
const TIMEOUT: Duration = Duration::from_secs(30);

/// Measures the overhead and counts spans.
pub(crate) async fn measure(settings: &Settings, traced: &Traced, table: &mut Table) -> Result<()> {
    let spans = Spans::default();
    let received = spans.clone();
    let _receiver = Receiver::start(([127, 0, 0, 1], traced.otlp).into(), move |request| {
        received.add(&request);
    })?;
    for connections in CONNECTIONS {
        let (off, on) = (&settings.stack, &traced.stack);
        let tokens = (call::token(off).await?, call::token(on).await?);
        let grpc = (grpc(off, &tokens.0), grpc(on, &tokens.1));
        let rest = (rest(off, &tokens.0), rest(on, &tokens.1));
        overhead(settings.rounds, connections, "gRPC", grpc, table).await?;
        overhead(settings.rounds, connections, "REST", rest, table).await?;
    }
    ensure!(
        !spans.lock().is_empty(),
        "the traced stack exported no spans"
    );
    let token = call::token(&traced.stack).await?;
    let uploader = Uploader::connect(&traced.stack, &token).await?;
    for way in Way::TRANSPORTS {
        let trace = Uuid::new_v4().simple().to_string();
        let parent = format!("00-{trace}-00f067aa0ba902b7-01");
        uploader.upload(way, PICTURE, Some(&parent)).await?;
        let count = spans.of(&trace).await?;
        table.figure(
            &format!("spans of one `{FUNCTION}` over {way}"),
            count.to_string(),
        );
    }
    Ok(())
}

/// Alternates between tracing off and on.
async fn overhead<C: Fn() -> Caller>(
    rounds: usize,
    connections: usize,
    transport: &str,
    (off, on): (C, C),
    table: &mut Table,
) -> Result<()> {
    let [mut rate, mut p50, mut plain_ms] = [(); 3].map(|()| Rounds::default());
    for (plain, traced) in in_turns(rounds, connections, off, on).await? {
        rate.add(traced.rate() / plain.rate());
        p50.add(traced.latencies.p50() / plain.latencies.p50());
        plain_ms.add(plain.latencies.p50());
    }
    table.figure(
        &format!("tracing on against off, {transport} at {connections} connections"),
        format!("throughput {rate} x, p50 {p50} x (off {plain_ms} ms)"),
    );
    Ok(())
}

/// Number of spans by trace.
#[derive(Clone, Default)]
struct Spans(Arc<Mutex<HashMap<Vec<u8>, usize>>>);

impl Spans {
    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<Vec<u8>, usize>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts spans without `trichrome_traces::spans`, which copies each one: this uses the cores
    /// that are measured.
    fn add(&self, request: &ExportTraceServiceRequest) {
        let mut counts = self.lock();
        let scopes = request
            .resource_spans
            .iter()
            .flat_map(|resource| &resource.scope_spans);
        for span in scopes.flat_map(|scope| &scope.spans) {
            *counts.entry(span.trace_id.clone()).or_default() += 1;
        }
    }

    /// The number of spans of a trace, once no more arrive.
    async fn of(&self, trace: &str) -> Result<usize> {
        let trace = Uuid::try_parse(trace)?.into_bytes();
        let started = Instant::now();
        let (mut count, mut since) = (0, started);
        while count == 0 || since.elapsed() < QUIET {
            ensure!(started.elapsed() < TIMEOUT, "{count} spans, and still more");
            sleep(Duration::from_millis(100)).await;
            let now = self.lock().get(trace.as_slice()).copied().unwrap_or(0);
            if now != count {
                (count, since) = (now, Instant::now());
            }
        }
        Ok(count)
    }
}

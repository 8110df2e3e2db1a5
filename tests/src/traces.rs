//! The spans that the stack's parts send: received as a collector would, or read from Jaeger.

mod jaeger;

use std::{
    collections::HashMap,
    net::SocketAddr,
    sync::{Arc, Mutex, PoisonError},
};

use anyhow::{Context as _, Result, anyhow};
use jaeger::Jaeger;
use reqwest::Url;
use trichrome_traces::{Receiver, Span, spans};
use uuid::Uuid;

use crate::{
    stack::Description,
    wait::{SOON, eventually},
};

/// The number of calls to make until one has all its spans.
const CALLS: usize = 3;

/// The environment variable with the address for spans, used when the stack's description has none.
/// A stack that was started with it passes it on to its parts.
const VARIABLE: &str = "OTEL_EXPORTER_OTLP_ENDPOINT";

type Received = Arc<Mutex<HashMap<String, Vec<Span>>>>;

/// Whether the stack sends spans. A deployed stack does so only if configured. Without a
/// description, the answer is yes.
pub fn are_sent() -> bool {
    Description::read().map_or(true, |description| {
        description.otlp_endpoint.is_some() || std::env::var_os(VARIABLE).is_some()
    })
}

/// All spans by trace.
pub struct Traces(Source);

/// Where the spans come from.
enum Source {
    /// The stack sends them to the tests.
    Received {
        received: Received,
        /// Why there are none, if so.
        receiver: Result<Receiver, String>,
    },
    Jaeger(Jaeger),
}

impl Source {
    /// Listens at the address that the stack sends spans to. A failure is reported only by tests
    /// that need traces.
    fn listen(description: &Description) -> Self {
        let received = Received::default();
        let kept = Arc::clone(&received);
        let receiver = listen(description, move |request| {
            let mut kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
            for span in spans(&request) {
                kept.entry(span.trace_id.clone()).or_default().push(span);
            }
        });
        Self::Received {
            received,
            receiver: receiver.map_err(|error| format!("{error:#}")),
        }
    }

    /// The spans of a trace so far.
    async fn spans(&self, trace: &str) -> Result<Vec<Span>> {
        match self {
            Self::Received { received, .. } => {
                let received = received.lock().unwrap_or_else(PoisonError::into_inner);
                Ok(received.get(trace).cloned().unwrap_or_default())
            }
            Self::Jaeger(jaeger) => jaeger.spans(trace).await,
        }
    }
}

impl Traces {
    /// Reads spans from the stack's Jaeger if it has one, and receives them otherwise.
    pub(crate) fn new(description: &Description) -> Result<Self> {
        Ok(Self(match &description.jaeger_url {
            Some(url) => Source::Jaeger(Jaeger::new(url)?),
            None => Source::listen(description),
        }))
    }

    /// Makes a call that returns its trace id, and waits until `complete` accepts the trace's
    /// spans. Senders may lose spans while the receiver is busy, so the call is repeated with
    /// another trace if spans are missing.
    pub async fn of_call(
        &self,
        call: impl AsyncFn() -> Result<Uuid>,
        complete: impl Fn(&[Span]) -> Result<()>,
    ) -> Result<Vec<Span>> {
        let mut last = anyhow!("no call was made");
        for _ in 0..CALLS {
            let trace = call().await?;
            match self.of(trace, &complete).await {
                Ok(spans) => return Ok(spans),
                Err(error) => last = error,
            }
        }
        Err(last.context(format!("of {CALLS} calls")))
    }

    /// Waits until `complete` accepts the spans of a trace. The error lists the spans received.
    pub async fn of(
        &self,
        trace: Uuid,
        complete: impl Fn(&[Span]) -> Result<()>,
    ) -> Result<Vec<Span>> {
        if let Source::Received {
            receiver: Err(error),
            ..
        } = &self.0
        {
            return Err(anyhow!("no spans can be received: {error}"));
        }
        let id = trace.simple().to_string();
        let mut seen = Vec::new();
        let outcome = eventually(SOON, async || {
            seen = self.0.spans(&id).await?;
            complete(&seen)
        })
        .await;
        match outcome {
            Ok(()) => Ok(seen),
            Err(error) => {
                let names: Vec<_> = seen
                    .iter()
                    .map(|span| format!("{} {:?} {:?}", span.service, span.kind, span.name))
                    .collect();
                Err(error.context(format!("trace {id}: {names:#?}")))
            }
        }
    }
}

fn listen(
    description: &Description,
    take: impl Fn(trichrome_traces::ExportTraceServiceRequest) + Send + Sync + 'static,
) -> Result<Receiver> {
    let endpoint = description
        .otlp_endpoint
        .clone()
        .or_else(|| std::env::var(VARIABLE).ok())
        .with_context(|| format!("the stack sends none; start it with {VARIABLE} set"))?;
    let url: Url = endpoint.parse()?;
    let address: SocketAddr = url
        .socket_addrs(|| None)?
        .into_iter()
        .next()
        .context("the endpoint has no address")?;
    Receiver::start(address, take).with_context(|| format!("cannot listen on {address}"))
}

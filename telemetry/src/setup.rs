//! Setting up a process: logs always, traces if there is a collector.

use std::env;

use opentelemetry::{KeyValue, trace::TracerProvider as _};
use opentelemetry_otlp::{
    ExporterBuildError, HttpExporterBuilderSet, Protocol, RetryPolicy, SpanExporter,
    SpanExporterBuilder, WithExportConfig as _, WithHttpConfig as _,
};
use opentelemetry_sdk::{
    Resource,
    trace::{Sampler, SdkTracer, SdkTracerProvider, SpanExporter as _},
};
use tracing::{Metadata, level_filters::LevelFilter};
use tracing_subscriber::{
    Layer as _, Registry,
    filter::{FilterExt as _, Targets, filter_fn},
    layer::SubscriberExt as _,
    util::SubscriberInitExt as _,
};

use crate::{Spans, client::Http, ids::Ids, levels, logs::Logs, sampler};

/// How a process is identified in traces and logs.
#[derive(Clone, Debug)]
pub struct Service {
    /// `service.name`, overridden by `OTEL_SERVICE_NAME`.
    pub name: String,
    /// `service.version`.
    pub version: &'static str,
    /// Further attributes of the resource in traces.
    pub attributes: Vec<(&'static str, String)>,
    /// Whether this is a Lambda function, which logs to CloudWatch.
    pub lambda: bool,
}

/// What a process has to do after [`start`].
#[derive(Clone, Debug, Default)]
pub struct Telemetry {
    /// The spans to export; `None` without a collector.
    pub spans: Option<Spans>,
}

/// Why no traces are exported.
#[derive(Debug, thiserror::Error)]
enum Problem {
    #[error("OTEL_EXPORTER_OTLP_PROTOCOL is {0:?}; only http/protobuf is supported")]
    Protocol(String),
    #[error("TLS can't be set up: {0}")]
    Tls(#[from] aws_smithy_http_client::HttpClientError),
    #[error("the collector's URL is invalid: {0}")]
    Exporter(#[from] ExporterBuildError),
}

/// Starts logs and traces for the whole process.
///
/// `RUST_LOG` sets the level by target, as in `info,trichrome_gateway=debug`. The default is
/// `info`, and the most of libraries is `debug`.
///
/// Traces are exported if `OTEL_EXPORTER_OTLP_ENDPOINT` (or `…_TRACES_ENDPOINT`) is set.
/// `OTEL_EXPORTER_OTLP_HEADERS`, `OTEL_TRACES_SAMPLER`, `…_SAMPLER_ARG`,
/// `OTEL_RESOURCE_ATTRIBUTES` and `OTEL_SERVICE_NAME` are those of OpenTelemetry. Problems with
/// them are logged, and the process runs without traces.
pub fn start(mut service: Service) -> Telemetry {
    if let Some(name) = variable("OTEL_SERVICE_NAME") {
        service.name = name;
    }
    let asked = variable("RUST_LOG").map(|text| text.parse::<Targets>());
    let wrong_levels = matches!(asked, Some(Err(_)));
    let asked = match asked {
        Some(Ok(levels)) => levels,
        _ => Targets::new().with_default(LevelFilter::INFO),
    };
    let logs = Logs::new(
        service.name.clone(),
        service.version,
        service.lambda,
        std::io::stdout(),
    );
    // Our spans identify the call of a line, at every level.
    let logs = logs.with_filter(levels::lines(asked).or(filter_fn(is_our_span)));

    let sampler = sampler::read(
        variable("OTEL_TRACES_SAMPLER").as_deref(),
        variable("OTEL_TRACES_SAMPLER_ARG").as_deref(),
    );
    let (sampler, all) = match sampler {
        Ok(sampler) => (sampler, None),
        Err(problem) => (sampler::all(), Some(problem)),
    };
    let (tracer, spans, problem) = match traces(&service, sampler) {
        Ok(Some((tracer, spans))) => (Some(tracer), Some(spans), None),
        Ok(None) => (None, None, None),
        Err(problem) => (None, None, Some(problem)),
    };
    let traces = tracer.map(|tracer| {
        tracing_opentelemetry::layer()
            .with_location(false)
            .with_threads(false)
            .with_target(false)
            .with_tracked_inactivity(false)
            .with_context_activation(false)
            .with_tracer(tracer)
            .with_filter(filter_fn(is_our_span))
    });
    // Fails only if a subscriber is already set, which is then used.
    let _set = Registry::default().with(traces).with(logs).try_init();
    if wrong_levels {
        tracing::warn!("RUST_LOG is invalid; it takes values such as info,trichrome_gateway=debug");
    }
    if let Some(problem) = problem {
        tracing::warn!(error = %problem, "traces are not exported");
    }
    if let Some(problem) = all.filter(|_| spans.is_some()) {
        tracing::warn!(error = %problem, "every trace is sampled");
    }
    Telemetry { spans }
}

/// Spans of libraries follow no conventions.
fn is_our_span(metadata: &Metadata<'_>) -> bool {
    metadata.is_span() && metadata.target().starts_with("trichrome")
}

fn traces(service: &Service, sampler: Sampler) -> Result<Option<(SdkTracer, Spans)>, Problem> {
    let Some(endpoint) = endpoint() else {
        return Ok(None);
    };
    let protocol = variable("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL")
        .or_else(|| variable("OTEL_EXPORTER_OTLP_PROTOCOL"));
    if let Some(protocol) = protocol.filter(|protocol| protocol != "http/protobuf") {
        return Err(Problem::Protocol(protocol));
    }
    let mut exporter = exporter(Http::new(endpoint.starts_with("https://"))?).build()?;
    let resource = resource(service);
    exporter.set_resource(&resource);
    let spans = Spans::new(exporter);
    let provider = SdkTracerProvider::builder()
        .with_resource(resource)
        .with_id_generator(Ids::default())
        .with_sampler(sampler)
        .with_span_processor(spans.clone())
        .build();
    // The tracer keeps a reference to the provider.
    Ok(Some((provider.tracer("trichrome"), spans)))
}

/// The configuration of the exporter.
pub(crate) fn exporter(client: Http) -> SpanExporterBuilder<HttpExporterBuilderSet> {
    SpanExporter::builder()
        .with_http()
        .with_protocol(Protocol::HttpBinary)
        // The exporter's retries would block the thread, and a function has only one. `Spans`
        // pauses instead.
        .with_retry_policy(RetryPolicy::disabled())
        .with_http_client(client)
}

/// The collector's URL, unless exporting is disabled.
fn endpoint() -> Option<String> {
    let is = |name, expected: &str| {
        variable(name).is_some_and(|value| value.eq_ignore_ascii_case(expected))
    };
    if is("OTEL_SDK_DISABLED", "true") || is("OTEL_TRACES_EXPORTER", "none") {
        return None;
    }
    variable("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
        .or_else(|| variable("OTEL_EXPORTER_OTLP_ENDPOINT"))
}

fn resource(service: &Service) -> Resource {
    let pairs = service
        .attributes
        .iter()
        .map(|(key, value)| KeyValue::new(*key, value.clone()));
    Resource::builder()
        .with_attribute(KeyValue::new("service.namespace", "trichrome"))
        .with_attribute(KeyValue::new("service.version", service.version))
        .with_attributes(pairs)
        .with_service_name(service.name.clone())
        .build()
}

/// The value of a variable. A blank one counts as unset.
fn variable(name: &str) -> Option<String> {
    env::var(name).ok().filter(|value| !value.trim().is_empty())
}

//! Wires up the gateway's parts, runs them and shuts them down.

pub(crate) mod kafka;
mod open_files;
pub(crate) mod shutdown;

use std::{pin::pin, sync::Arc, time::Duration};

use rdkafka::error::KafkaError;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use trichrome_kafka::LoginError;
use trichrome_telemetry::Telemetry;
use url::Url;

use self::{
    kafka::{Clients, Parts},
    shutdown::Drain,
};
use crate::{
    call::{
        Calls,
        call_log::CallLog,
        invoke::{self, Invoke, Lambda},
        rate_limit::RateLimits,
    },
    config::Config,
    grpc::{self, client::Client, service::Operations},
    http::{
        self, cors,
        facade::{Facade, events::Events, rest::Rest},
        server::{
            Server,
            connections::{Caps, Connections},
        },
    },
    kafka::{awaiter::Awaiter, log_sink::KafkaLogSink, producer::Producer, relogin::Relogin},
    ops::{
        emf,
        health::{self, Check, Readiness},
        metrics::{Metrics, Port},
        pages,
    },
};

/// The caps of the operator's port, which only scrapers, probes and people use.
const ADMIN_CAPS: Caps = Caps {
    total: 64,
    per_address: 64,
};

/// The timeout for one request to a trace collector.
const EXPORT_TIMEOUT: Duration = Duration::from_secs(5);

/// Why the gateway could not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// An address is in use, or isn't this machine's.
    #[error("cannot listen on {address}; is another gateway running? ({name} sets it)")]
    Listen {
        /// The address.
        address: std::net::SocketAddr,
        /// The variable that sets it.
        name: &'static str,
        /// The system's error.
        source: std::io::Error,
    },
    /// librdkafka rejects its settings.
    #[error("KAFKA_BROKERS, KAFKA_GROUP or a file of the KAFKA_ variables is invalid")]
    Kafka(#[from] KafkaError),
    /// The store of the name or the password for Kafka gives none.
    #[error("no login to Kafka")]
    KafkaLogin(#[source] LoginError),
    /// The system's root certificates cannot be read.
    #[error("cannot read root certificates for the REST API; install ca-certificates")]
    Certificates(#[source] std::io::Error),
    /// The gRPC client or server reflection cannot be built.
    #[error("cannot serve gRPC")]
    Grpc(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// Signal handlers cannot be installed.
    #[error("cannot handle signals")]
    Signals(#[source] std::io::Error),
}

/// Runs the gateway until SIGTERM or SIGINT.
///
/// # Errors
///
/// What prevented the start. A running gateway ends only by a signal, or if librdkafka rejects a
/// login that has changed.
pub async fn run(config: Config, telemetry: Telemetry) -> Result<(), StartError> {
    // Bind the ports first, so that a second gateway fails before it joins a consumer group.
    let metrics = Arc::new(Metrics::new());
    let caps = open_files::fit(config.gateway_caps);
    let http_server = bind(
        config.gateway_http_addr,
        "GATEWAY_HTTP_ADDR",
        Connections::new(Port::Http, caps, Arc::clone(&metrics)),
    )
    .await?
    .behind(&config.gateway_trusted_proxies);
    let grpc_server = bind(
        config.gateway_grpc_addr,
        "GATEWAY_GRPC_ADDR",
        Connections::new(Port::Grpc, caps, Arc::clone(&metrics)),
    )
    .await?
    .behind(&config.gateway_trusted_proxies);
    let admin_server = bind(
        config.gateway_admin_addr,
        "GATEWAY_ADMIN_ADDR",
        Connections::new(Port::Admin, ADMIN_CAPS, Arc::clone(&metrics)),
    )
    .await?;

    let exporter = telemetry.spans.clone().map(|spans| {
        let exporter = spans.clone();
        let task = tokio::spawn(async move { exporter.run(EXPORT_TIMEOUT).await });
        (task, spans)
    });
    let limits = Arc::new(RateLimits::from_contract().shared_through(
        config.cache_nodes.clone(),
        &config.stack_name,
        Arc::clone(&metrics),
    ));
    let aws = invoke::shared_config().await;
    let mut relogin = Relogin::new(&config, Arc::clone(&metrics));
    // Without a token the gateway isn't ready, and goes on trying.
    if let Err(error) = config.kafka.start(async || aws.clone()).await
        && !config.kafka.has_login()
    {
        return Err(StartError::KafkaLogin(error));
    }
    let log_sink = Arc::new(KafkaLogSink::new(&config, Arc::clone(&metrics))?);
    let producer = Producer::new(&config, Arc::clone(&metrics))?;
    let lambda = Arc::new(Lambda::connect(&config, &aws, Arc::clone(&metrics)));
    let calls = Calls::new(
        Arc::clone(&lambda) as Arc<dyn Invoke>,
        Arc::clone(&limits),
        CallLog::new(Arc::clone(&log_sink) as _),
        Arc::clone(&metrics),
    );
    let awaiter = Awaiter::new(Arc::clone(&metrics));
    let steps = Steps::default();

    let (grpc_router, grpc_health) = grpc::router(
        Operations::new(calls.clone(), config.call_timeout),
        cors::grpc(&config.web_origins),
        steps.end_grpc.clone(),
    )
    .await
    .map_err(|error| StartError::Grpc(error.into()))?;
    let facade = Facade {
        rest: Rest::new(&config.rest_url).map_err(StartError::Certificates)?,
        grpc: Client::new(grpc_server.address()).map_err(|error| StartError::Grpc(error.into()))?,
        calls: calls.clone(),
        events: Events::new(producer.clone(), Arc::clone(&awaiter)),
        limits,
        metrics: Arc::clone(&metrics),
        call_timeout: config.call_timeout,
    };
    let mut kafka = Clients::start(Parts {
        config: config.clone(),
        calls,
        invoke: Arc::clone(&lambda) as _,
        metrics: Arc::clone(&metrics),
        producer,
        log_sink,
        awaiter,
    })?;
    if let Some(stack) = config.emf_stack.clone() {
        // Until the end: the lag counts during the shutdown, too.
        tokio::spawn(emf::run(Arc::clone(&metrics), stack));
    }
    let mut checks = kafka.checks();
    checks.extend(other_checks(&config, &lambda));
    let readiness = Readiness::new(checks, steps.stopping.clone());
    let admin_router = pages::router(readiness.clone(), Arc::clone(&metrics));
    let http_router = http::router(
        facade,
        readiness,
        &config.web_origins,
        config.web_root.as_deref(),
        config.pictures_origin.as_ref(),
    );

    tracing::info!(
        http = %http_server.address(),
        grpc = %grpc_server.address(),
        admin = %admin_server.address(),
        "listening"
    );
    // Serves until the end: an operator may want to see the shutdown.
    let admin = admin_server.serve(admin_router, CancellationToken::new(), Duration::ZERO);
    tokio::spawn(admin);
    // Also limits each port's drain, whose share of the time is known only later.
    let timeout = config.drain_timeout.mul_f64(0.5);
    let http_task = tokio::spawn(http_server.serve(http_router, steps.end_http.clone(), timeout));
    let grpc_task = tokio::spawn(grpc_server.serve(grpc_router, steps.end_grpc.clone(), timeout));

    // Kept from round to round, so that it misses no signal.
    let mut stop = pin!(shutdown::stop_signal());
    loop {
        tokio::select! {
            stopped = &mut stop => break stopped.map_err(StartError::Signals)?,
            client = relogin.next() => kafka.replace(client).await?,
        }
    }

    // From the outside in: requests in progress need the inner parts.
    let drain = Drain::begin(config.drain_timeout);
    tracing::info!("stopping");
    steps.stopping.cancel();
    grpc_health.set_not_serving().await;
    steps.end_http.cancel();
    within(drain.share(0.5), http_task, "the HTTP port").await;
    steps.end_grpc.cancel();
    within(drain.share(0.5), grpc_task, "the gRPC port").await;
    kafka.stop(&drain).await;
    if let Some((task, spans)) = exporter {
        task.abort();
        spans.flush(drain.share(0.9)).await;
    }
    tracing::info!("stopped");
    Ok(())
}

/// Cancelled one after the other during the shutdown.
#[derive(Default)]
struct Steps {
    /// The gateway is no longer ready.
    stopping: CancellationToken,
    end_http: CancellationToken,
    end_grpc: CancellationToken,
}

async fn bind(
    address: std::net::SocketAddr,
    name: &'static str,
    connections: Arc<Connections>,
) -> Result<Server, StartError> {
    Server::bind(address, connections)
        .await
        .map_err(|source| StartError::Listen {
            address,
            name,
            source,
        })
}

async fn within(timeout: Duration, task: JoinHandle<()>, what: &str) {
    if tokio::time::timeout(timeout, task).await.is_err() {
        tracing::warn!("{what} did not finish in time");
    }
}

/// Checks of what isn't Kafka.
fn other_checks(config: &Config, lambda: &Lambda) -> Vec<(&'static str, Check)> {
    let aws = || {
        let region = lambda.region().unwrap_or("us-east-1");
        Url::parse(&format!("https://lambda.{region}.amazonaws.com/")).ok()
    };
    let mut checks = vec![("rest_api", health::tcp_check(&config.rest_url))];
    if let Some(endpoint) = config.lambda_endpoint.clone().or_else(aws) {
        checks.push(("lambda", health::tcp_check(&endpoint)));
    }
    checks
}

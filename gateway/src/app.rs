//! Wires up the gateway's parts, runs them and shuts them down.

mod open_files;
pub(crate) mod shutdown;

use std::{sync::Arc, time::Duration};

use rdkafka::error::KafkaError;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use trichrome_kafka::Connection;
use trichrome_proto::contract::{self, TRIGGERS};
use trichrome_telemetry::Telemetry;
use url::Url;

use self::shutdown::Drain;
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
    kafka::{
        answers::Answers,
        commands::Commands,
        consumer::GroupConsumer,
        dead_letters::DeadLetters,
        log_sink::KafkaLogSink,
        producer::Producer,
        reply_topics::ReplyTopics,
        results::{Awaiter, Results},
        trigger::{Batches, Delivery},
    },
    ops::{
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
/// What prevented the start. A running gateway ends only by a signal.
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
    let limits = Arc::new(RateLimits::from_contract());
    let aws = invoke::shared_config().await;
    // Without a token the gateway isn't ready, and goes on trying.
    let _logged = config.kafka.start(async || aws.clone()).await;
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
        events: Events {
            producer: producer.clone(),
            awaiter: Arc::clone(&awaiter),
        },
        limits,
        metrics: Arc::clone(&metrics),
        call_timeout: config.call_timeout,
    };
    let readers = Readers::start(&config, &calls, &lambda, &producer, &metrics, &steps)?;
    let readiness = Readiness::new(
        checks(&config, &lambda, &producer, &awaiter, &readers.consumers),
        steps.stopping.clone(),
    );
    let admin_router = pages::router(readiness.clone(), Arc::clone(&metrics));
    let http_router = http::router(
        facade,
        readiness,
        &config.web_origins,
        config.web_root.as_deref(),
        config.pictures_origin.as_ref(),
    );
    let results = Results::new(&config, awaiter, Arc::clone(&metrics))?;
    let reading_results = tokio::spawn(results.run(steps.end_results.clone()));

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

    shutdown::stop_signal().await.map_err(StartError::Signals)?;

    // From the outside in: requests in progress need the inner parts.
    let drain = Drain::begin(config.drain_timeout);
    tracing::info!("stopping");
    steps.stopping.cancel();
    grpc_health.set_not_serving().await;
    steps.end_http.cancel();
    within(drain.share(0.5), http_task, "the HTTP port").await;
    steps.end_grpc.cancel();
    within(drain.share(0.5), grpc_task, "the gRPC port").await;
    readers.stop(&steps, &drain).await;
    steps.end_results.cancel();
    within(drain.share(0.5), reading_results, "the results reader").await;
    flush(producer, log_sink, drain.share(0.7)).await;
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
    /// Read no more records.
    end_reading: CancellationToken,
    /// Abandon the records in progress.
    abandon: CancellationToken,
    end_results: CancellationToken,
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

/// The consumers of commands and triggers, and their tasks.
struct Readers {
    tasks: Vec<JoinHandle<()>>,
    consumers: Vec<(&'static str, Arc<GroupConsumer>)>,
}

impl Readers {
    fn start(
        config: &Config,
        calls: &Calls,
        lambda: &Arc<Lambda>,
        producer: &Producer,
        metrics: &Arc<Metrics>,
        steps: &Steps,
    ) -> Result<Self, KafkaError> {
        let dead_letters = DeadLetters::new(producer.clone(), Arc::clone(metrics));
        let join = |group: &str, name, topics: &[&str]| {
            GroupConsumer::join(config, group, name, topics, Arc::clone(metrics)).map(Arc::new)
        };
        let mut readers = Self {
            tasks: Vec::new(),
            consumers: Vec::new(),
        };

        let topics = contract::command_topics();
        let consumer = join(&config.kafka_group, "commands", &topics)?;
        readers.consumers.push(("commands", Arc::clone(&consumer)));
        let reply_topics = ReplyTopics::new(Arc::clone(&consumer) as _);
        let commands = Commands {
            consumer,
            calls: calls.clone(),
            answers: Answers::new(producer.clone(), reply_topics),
            dead_letters: dead_letters.clone(),
            metrics: Arc::clone(metrics),
            call_timeout: config.call_timeout,
            // The other half is for callers that wait on a connection.
            concurrency: config.invoke_concurrency.div_ceil(2),
            group: config.kafka_group.clone(),
        };
        let work = commands.run(steps.end_reading.clone(), steps.abandon.clone());
        readers.tasks.push(tokio::spawn(work));

        let triggers = if config.analytics_trigger {
            TRIGGERS
        } else {
            &[]
        };
        for trigger in triggers {
            // Its own group, as for an event source mapping.
            let group = format!("{}-{}", config.kafka_group, trigger.function);
            let consumer = join(&group, trigger.function, &[trigger.topic])?;
            readers
                .consumers
                .push((trigger.function, Arc::clone(&consumer)));
            let batches = Batches {
                consumer,
                delivery: Delivery {
                    trigger,
                    bootstrap: config.kafka.brokers().to_owned(),
                    invoke: Arc::clone(lambda) as Arc<dyn Invoke>,
                    dead_letters: Arc::new(dead_letters.clone()),
                    metrics: Arc::clone(metrics),
                },
            };
            let work = batches.run(steps.end_reading.clone(), steps.abandon.clone());
            readers.tasks.push(tokio::spawn(work));
        }
        Ok(readers)
    }

    /// Stops reading, finishes the records in progress, commits and leaves the groups.
    async fn stop(self, steps: &Steps, drain: &Drain) {
        steps.end_reading.cancel();
        let finished = futures::future::join_all(self.tasks);
        let abandon = async {
            tokio::time::sleep(drain.share(0.5)).await;
            tracing::warn!("abandoning records in progress; they will be read again");
            steps.abandon.cancel();
            std::future::pending::<()>().await;
        };
        tokio::select! {
            _ = finished => {}
            () = abandon => {}
            () = tokio::time::sleep(drain.share(0.7)) => {}
        }
        let timeout = drain.share(0.5);
        let leaving = self
            .consumers
            .into_iter()
            .map(|(_, consumer)| consumer.leave(timeout));
        futures::future::join_all(leaving).await;
    }
}

async fn within(timeout: Duration, task: JoinHandle<()>, what: &str) {
    if tokio::time::timeout(timeout, task).await.is_err() {
        tracing::warn!("{what} did not finish in time");
    }
}

/// Flushes the producers. librdkafka blocks, so this runs on a thread for blocking tasks.
async fn flush(producer: Producer, log_sink: Arc<KafkaLogSink>, timeout: Duration) {
    let flushing = tokio::task::spawn_blocking(move || {
        let half = timeout / 2;
        producer.flush(half).is_ok() & log_sink.flush(half).is_ok()
    });
    match tokio::time::timeout(timeout, flushing).await {
        Ok(Ok(true)) => {}
        _ => tracing::warn!("some records were lost: Kafka did not acknowledge them in time"),
    }
}

fn checks(
    config: &Config,
    lambda: &Lambda,
    producer: &Producer,
    awaiter: &Arc<Awaiter>,
    consumers: &[(&'static str, Arc<GroupConsumer>)],
) -> Vec<(&'static str, Check)> {
    let aws = || {
        let region = lambda.region().unwrap_or("us-east-1");
        Url::parse(&format!("https://lambda.{region}.amazonaws.com/")).ok()
    };
    let mut checks = vec![
        ("kafka", kafka_check(&config.kafka, producer)),
        ("results", results_check(Arc::clone(awaiter))),
        ("rest_api", health::tcp_check(&config.rest_url)),
    ];
    for (name, consumer) in consumers {
        checks.push((name, consumer_check(consumer)));
    }
    if let Some(endpoint) = config.lambda_endpoint.clone().or_else(aws) {
        checks.push(("lambda", health::tcp_check(&endpoint)));
    }
    checks
}

fn kafka_check(connection: &Connection, producer: &Producer) -> Check {
    let (connection, producer) = (connection.clone(), producer.clone());
    Arc::new(move || {
        let (connection, producer) = (connection.clone(), producer.clone());
        Box::pin(async move {
            let probe = move || producer.probe(Duration::from_millis(1500));
            match tokio::task::spawn_blocking(probe).await {
                Ok(Ok(())) => {
                    connection.note_success();
                    Ok(())
                }
                Ok(Err(error)) => Err(connection
                    .refusal()
                    .unwrap_or_else(|| format!("no broker answers: {error}"))),
                Err(_) => Err("the check failed".to_owned()),
            }
        })
    })
}

fn results_check(awaiter: Arc<Awaiter>) -> Check {
    Arc::new(move || {
        let problem = "the topic \"results\" is not being read; does it exist?";
        let reading = awaiter.is_reading().then_some(());
        let result = reading.ok_or_else(|| problem.to_owned());
        Box::pin(std::future::ready(result))
    })
}

/// The check keeps no consumer alive: dropping the last reference closes it.
fn consumer_check(consumer: &Arc<GroupConsumer>) -> Check {
    let consumer = Arc::downgrade(consumer);
    Arc::new(move || {
        let stopped = || Err("the consumer has stopped".to_owned());
        let result = consumer.upgrade().map_or_else(stopped, |it| it.check());
        Box::pin(std::future::ready(result))
    })
}

//! The clients of Kafka: their start, their replacement after a change of the login, and their end.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
    time::Duration,
};

use rdkafka::error::KafkaError;
use tokio::task::{JoinHandle, spawn_blocking};
use tokio_util::sync::CancellationToken;
use trichrome_kafka::Connection;
use trichrome_proto::contract::{self, TRIGGERS};

use super::{shutdown::Drain, within};
use crate::{
    call::{Calls, invoke::Invoke},
    config::Config,
    kafka::{
        answers::Answers,
        awaiter::Awaiter,
        commands::Commands,
        consumer::GroupConsumer,
        dead_letters::DeadLetters,
        known_topics::KnownTopics,
        log_sink::KafkaLogSink,
        producer::{Client, Producer},
        results::{Positions, Results},
        trigger::{Batches, Delivery},
    },
    ops::{health::Check, metrics::Metrics},
};

/// How long a replaced reader of answers goes on while its successor starts.
const OVERLAP: Duration = Duration::from_secs(5);

/// What the clients need.
pub(crate) struct Parts {
    pub(crate) config: Config,
    pub(crate) calls: Calls,
    pub(crate) invoke: Arc<dyn Invoke>,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) producer: Producer,
    pub(crate) log_sink: Arc<KafkaLogSink>,
    pub(crate) awaiter: Arc<Awaiter>,
}

/// The running clients.
pub(crate) struct Clients {
    parts: Parts,
    consumers: Consumers,
    readers: Readers,
    results: Reading,
    /// Where the readers of answers are.
    positions: Positions,
}

impl Clients {
    /// Starts to read commands, call logs and answers.
    ///
    /// # Errors
    ///
    /// librdkafka rejects the settings.
    pub(crate) fn start(parts: Parts) -> Result<Self, KafkaError> {
        let (consumers, positions) = (Consumers::default(), Positions::default());
        Ok(Self {
            readers: Readers::start(&parts, &consumers)?,
            results: Reading::start(&parts, positions.clone())?,
            positions,
            consumers,
            parts,
        })
    }

    /// The parts of `/readyz`. They stay true after a replacement.
    pub(crate) fn checks(&self) -> Vec<(&'static str, Check)> {
        let mut checks = vec![
            (
                "kafka",
                kafka_check(&self.parts.config.kafka, &self.parts.producer),
            ),
            ("results", results_check(Arc::clone(&self.parts.awaiter))),
        ];
        checks.extend(self.consumers.checks());
        checks
    }

    /// The consumer with this name.
    #[cfg(test)]
    pub(crate) fn consumer(&self, name: &str) -> Option<Arc<GroupConsumer>> {
        self.consumers.get(name)
    }

    /// Replaces all clients by others, which use the connection's current login, as `client` does.
    /// No record is lost: producers deliver what they have, consumers finish the records in
    /// progress and commit, and answers are read without a gap.
    ///
    /// # Errors
    ///
    /// librdkafka rejects the settings.
    pub(crate) async fn replace(&mut self, client: Client) -> Result<(), KafkaError> {
        let drain = Drain::begin(self.parts.config.drain_timeout);
        let (producer, log_sink) = (
            self.parts.producer.clone(),
            Arc::clone(&self.parts.log_sink),
        );
        let (config, timeout) = (self.parts.config.clone(), drain.share(0.5));
        let replacing = spawn_blocking(move || {
            producer.replace(client);
            log_sink.replace(&config, timeout)
        });

        let results = Reading::start(&self.parts, self.positions.clone())?;
        // If the topic can't be read, there is nothing to wait for.
        let started =
            tokio::time::timeout(OVERLAP.min(drain.share(0.5)), results.started.cancelled());
        let _timed_out = started.await;
        std::mem::replace(&mut self.results, results)
            .stop(drain.share(0.2))
            .await;

        self.readers.stop(&drain).await;
        self.readers = Readers::start(&self.parts, &self.consumers)?;
        // It fails only if it panics.
        replacing.await.map_err(|_| KafkaError::Canceled)??;
        tracing::info!("kafka: all clients use the login that has changed");
        Ok(())
    }

    /// Stops everything, and delivers what the producers have.
    pub(crate) async fn stop(mut self, drain: &Drain) {
        self.readers.stop(drain).await;
        self.results.stop(drain.share(0.5)).await;
        flush(self.parts.producer, self.parts.log_sink, drain.share(0.7)).await;
    }
}

/// The reader of answers.
struct Reading {
    task: JoinHandle<()>,
    started: CancellationToken,
    end: CancellationToken,
}

impl Reading {
    fn start(parts: &Parts, positions: Positions) -> Result<Self, KafkaError> {
        let awaiter = Arc::clone(&parts.awaiter);
        let results = Results::new(
            &parts.config,
            awaiter,
            positions,
            Arc::clone(&parts.metrics),
        )?;
        let (started, end) = (results.started().clone(), CancellationToken::new());
        Ok(Self {
            task: tokio::spawn(results.run(end.clone())),
            started,
            end,
        })
    }

    async fn stop(self, timeout: Duration) {
        self.end.cancel();
        within(timeout, self.task, "the results reader").await;
    }
}

/// The consumers of groups, by name.
#[derive(Clone, Default)]
struct Consumers(Arc<Mutex<BTreeMap<&'static str, Weak<GroupConsumer>>>>);

impl Consumers {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<&'static str, Weak<GroupConsumer>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn get(&self, name: &str) -> Option<Arc<GroupConsumer>> {
        self.lock().get(name).and_then(Weak::upgrade)
    }

    fn checks(&self) -> Vec<(&'static str, Check)> {
        let names: Vec<_> = self.lock().keys().copied().collect();
        let check = |name| {
            let consumers = self.clone();
            let check: Check = Arc::new(move || {
                // The check keeps no consumer alive: dropping the last reference closes it.
                let stopped = || Err("the consumer has stopped".to_owned());
                let result = consumers.get(name).map_or_else(stopped, |it| it.check());
                Box::pin(std::future::ready(result))
            });
            (name, check)
        };
        names.into_iter().map(check).collect()
    }
}

/// The consumers of commands and triggers, and their tasks.
struct Readers {
    tasks: Vec<JoinHandle<()>>,
    consumers: Vec<Arc<GroupConsumer>>,
    /// Cancelled to read no more records.
    end_reading: CancellationToken,
    /// Cancelled to abandon the records in progress.
    abandon: CancellationToken,
}

impl Readers {
    fn start(parts: &Parts, consumers: &Consumers) -> Result<Self, KafkaError> {
        let Parts {
            config,
            calls,
            invoke,
            metrics,
            producer,
            ..
        } = parts;
        let dead_letters = DeadLetters::new(producer.clone(), Arc::clone(metrics));
        let mut readers = Self {
            tasks: Vec::new(),
            consumers: Vec::new(),
            end_reading: CancellationToken::new(),
            abandon: CancellationToken::new(),
        };

        let topics = contract::command_topics();
        let consumer = readers.join(parts, consumers, &config.kafka_group, "commands", &topics)?;
        let known_topics = KnownTopics::new(Arc::clone(&consumer) as _);
        let commands = Commands {
            consumer,
            calls: calls.clone(),
            answers: Answers::new(producer.clone(), known_topics),
            dead_letters: dead_letters.clone(),
            metrics: Arc::clone(metrics),
            call_timeout: config.call_timeout,
            // The other half is for callers that wait on a connection.
            concurrency: config.invoke_concurrency.div_ceil(2),
            group: config.kafka_group.clone(),
        };
        let work = commands.run(readers.end_reading.clone(), readers.abandon.clone());
        readers.tasks.push(tokio::spawn(work));

        let triggers = if config.analytics_trigger {
            TRIGGERS
        } else {
            &[]
        };
        for trigger in triggers {
            // Its own group, as for an event source mapping.
            let group = format!("{}-{}", config.kafka_group, trigger.function);
            let topics = [trigger.topic];
            let consumer = readers.join(parts, consumers, &group, trigger.function, &topics)?;
            let batches = Batches {
                consumer,
                delivery: Delivery {
                    trigger,
                    bootstrap: config.kafka.brokers().to_owned(),
                    invoke: Arc::clone(invoke),
                    dead_letters: Arc::new(dead_letters.clone()),
                    metrics: Arc::clone(metrics),
                },
            };
            let work = batches.run(readers.end_reading.clone(), readers.abandon.clone());
            readers.tasks.push(tokio::spawn(work));
        }
        Ok(readers)
    }

    fn join(
        &mut self,
        parts: &Parts,
        consumers: &Consumers,
        group: &str,
        name: &'static str,
        topics: &[&str],
    ) -> Result<Arc<GroupConsumer>, KafkaError> {
        let metrics = Arc::clone(&parts.metrics);
        let consumer = GroupConsumer::join(&parts.config, group, name, topics, metrics)?;
        let consumer = Arc::new(consumer);
        self.consumers.push(Arc::clone(&consumer));
        consumers.lock().insert(name, Arc::downgrade(&consumer));
        Ok(consumer)
    }

    /// Stops reading, finishes the records in progress, commits and leaves the groups.
    async fn stop(&mut self, drain: &Drain) {
        self.end_reading.cancel();
        let finished = futures::future::join_all(self.tasks.drain(..));
        let abandon = async {
            tokio::time::sleep(drain.share(0.5)).await;
            tracing::warn!("abandoning records in progress; they will be read again");
            self.abandon.cancel();
            std::future::pending::<()>().await;
        };
        tokio::select! {
            _ = finished => {}
            () = abandon => {}
            () = tokio::time::sleep(drain.share(0.7)) => {}
        }
        let timeout = drain.share(0.5);
        let leaving = self.consumers.drain(..).map(|it| it.leave(timeout));
        futures::future::join_all(leaving).await;
    }
}

/// Flushes the producers. librdkafka blocks, so this runs on a thread for blocking tasks.
async fn flush(producer: Producer, log_sink: Arc<KafkaLogSink>, timeout: Duration) {
    let flushing = spawn_blocking(move || {
        let half = timeout / 2;
        producer.flush(half).is_ok() & log_sink.flush(half).is_ok()
    });
    match tokio::time::timeout(timeout, flushing).await {
        Ok(Ok(true)) => {}
        _ => tracing::warn!("some records were lost: Kafka did not acknowledge them in time"),
    }
}

fn kafka_check(connection: &Connection, producer: &Producer) -> Check {
    let (connection, producer) = (connection.clone(), producer.clone());
    Arc::new(move || {
        let (connection, producer) = (connection.clone(), producer.clone());
        Box::pin(async move {
            let probe = move || producer.probe(Duration::from_millis(1500));
            match spawn_blocking(probe).await {
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

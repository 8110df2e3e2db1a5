//! Tests of the Kafka modules with librdkafka's mock broker and fake functions.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use futures::future::BoxFuture;
use rdkafka::{
    ClientConfig, Offset, TopicPartitionList,
    consumer::{BaseConsumer, Consumer as _},
    message::{Headers as _, Message as _, OwnedMessage},
    mocking::MockCluster,
    producer::DefaultProducerContext,
};
use serde_json::{Value, json};
use tokio::{
    task::{JoinHandle, JoinSet},
    time::Instant,
};
use tokio_util::sync::CancellationToken;
use trichrome_proto::{
    contract::{self, TRIGGERS},
    wire::record::{OPERATION, REPLY_TO, RESPONSE_KEY, RESULTS, STATUS, dead_letter_topic},
};
use trichrome_telemetry::Trace;

use super::{
    answers::Answers,
    awaiter::Awaiter,
    caller::tests::token,
    commands::Commands,
    consumer::GroupConsumer,
    dead_letters::DeadLetters,
    known_topics::KnownTopics,
    log_sink::KafkaLogSink,
    producer::{self, Producer, Record},
    results::{Positions, Results},
    trigger::{Batches, Delivery},
};
use crate::{
    app::{
        kafka::{Clients, Parts},
        shutdown::Drain,
    },
    call::{
        Calls,
        call_log::{CallLog, LogSink as _, tests::Logged},
        context::Context,
        invoke::{Invoke, InvokeError, tests::FakeInvoke},
        rate_limit::RateLimits,
        tests::calls,
    },
    config::Config,
    http::facade::events::Events,
    ops::metrics::Metrics,
};

/// A client's own topic for answers.
const OWN_RESULTS: &str = "results.billing";

/// A broker with the contract's topics, which have one partition each.
struct Kafka {
    cluster: MockCluster<'static, DefaultProducerContext>,
    config: Config,
    producer: Producer,
    metrics: Arc<Metrics>,
}

impl Kafka {
    fn start() -> Self {
        let cluster = MockCluster::new(1).unwrap();
        for topic in
            contract::command_topics()
                .into_iter()
                .chain([RESULTS, OWN_RESULTS, TRIGGERS[0].topic])
        {
            cluster.create_topic(topic, 1, 1).unwrap();
            cluster
                .create_topic(&dead_letter_topic(topic), 1, 1)
                .unwrap();
        }
        let brokers = cluster.bootstrap_servers();
        let vars = [
            ("KAFKA_BROKERS", brokers.as_str()),
            ("REST_URL", "http://localhost"),
        ];
        let config = Config::of(&vars).unwrap();
        let metrics = Arc::new(Metrics::new());
        Self {
            cluster,
            producer: Producer::new(&config, Arc::clone(&metrics)).unwrap(),
            config,
            metrics,
        }
    }

    async fn produce(&self, topic: &str, key: &str, value: &str) {
        let record = Record {
            topic,
            key: Some(key.as_bytes()),
            value: Some(value.as_bytes()),
            headers: &[("authorization", b"Bearer t"), ("x-request-id", b"r")],
            partition: None,
        };
        self.producer.produce(&record).await.unwrap();
    }

    /// Produces a command in an envelope, named by its header and without a key, and doesn't wait
    /// for its acknowledgement.
    fn command(&self, operation: &str, event_id: &str, args: &Value, headers: &[(&str, &str)]) {
        let operation = contract::by_function(operation).unwrap();
        let value = json!({"EventId": event_id, "Data": args.to_string()}).to_string();
        let name = operation.command.keys[0];
        let headers: Vec<_> = [(OPERATION, name)]
            .iter()
            .chain(headers)
            .map(|(name, value)| (*name, value.as_bytes()))
            .collect();
        let record = Record {
            topic: operation.command.topic,
            key: None,
            value: Some(value.as_bytes()),
            headers: &headers,
            partition: None,
        };
        drop(self.producer.enqueue(&record).unwrap());
    }

    /// The first records of a topic.
    async fn read(&self, topic: &'static str, count: usize) -> Vec<OwnedMessage> {
        let brokers = self.cluster.bootstrap_servers();
        let reading = tokio::task::spawn_blocking(move || {
            let consumer: BaseConsumer = ClientConfig::new()
                .set("bootstrap.servers", brokers)
                .set("group.id", "test")
                .create()
                .unwrap();
            let mut list = TopicPartitionList::new();
            list.add_partition_offset(topic, 0, Offset::Beginning)
                .unwrap();
            consumer.assign(&list).unwrap();
            let mut read = Vec::new();
            while read.len() < count {
                if let Some(message) = consumer.poll(Duration::from_millis(100)) {
                    read.push(message.unwrap().detach());
                }
            }
            read
        });
        let records = tokio::time::timeout(Duration::from_secs(20), reading);
        records.await.expect("records come in time").unwrap()
    }

    fn group(&self, group: &str, topics: &[&str]) -> Arc<GroupConsumer> {
        let metrics = Arc::clone(&self.metrics);
        Arc::new(GroupConsumer::join(&self.config, group, "test", topics, metrics).unwrap())
    }

    fn commands(&self, calls: Calls) -> Running {
        let consumer = self.group("commands", &contract::command_topics());
        let producer = self.producer.clone();
        let commands = Commands {
            consumer: Arc::clone(&consumer),
            calls,
            dead_letters: DeadLetters::new(producer.clone(), Arc::clone(&self.metrics)),
            answers: Answers::new(producer, KnownTopics::new(Arc::clone(&consumer) as _)),
            metrics: Arc::clone(&self.metrics),
            call_timeout: Duration::from_secs(10),
            concurrency: CONCURRENCY,
            group: "commands".to_owned(),
        };
        Running::start(consumer, |stop, abandon| {
            tokio::spawn(commands.run(stop, abandon))
        })
    }
}

/// The number of commands that the tests' gateway serves at once.
const CONCURRENCY: usize = 8;

/// A running member of a consumer group.
struct Running {
    task: JoinHandle<()>,
    consumer: Arc<GroupConsumer>,
    stop: CancellationToken,
    abandon: CancellationToken,
}

impl Running {
    fn start(
        consumer: Arc<GroupConsumer>,
        run: impl FnOnce(CancellationToken, CancellationToken) -> JoinHandle<()>,
    ) -> Self {
        let (stop, abandon) = (CancellationToken::new(), CancellationToken::new());
        Self {
            task: run(stop.clone(), abandon.clone()),
            consumer,
            stop,
            abandon,
        }
    }

    async fn stop(self) {
        self.stop.cancel();
        self.task.await.unwrap();
        self.consumer.leave(Duration::from_secs(10)).await;
    }

    async fn crash(self) {
        self.abandon.cancel();
        self.stop().await;
    }
}

fn header(message: &OwnedMessage, name: &str) -> Option<String> {
    let headers = message.headers()?;
    let header = headers.iter().find(|header| header.key == name)?;
    Some(String::from_utf8(header.value?.to_vec()).unwrap())
}

fn answers(messages: &[OwnedMessage]) -> Vec<(String, String, Value)> {
    let mut answers: Vec<_> = messages
        .iter()
        .map(|message| {
            assert_eq!(message.key(), Some(RESPONSE_KEY.as_bytes()));
            let value: Value = serde_json::from_slice(message.payload().unwrap()).unwrap();
            let data = serde_json::from_str(value["Data"].as_str().unwrap()).unwrap();
            let id = value["EventId"].as_str().unwrap().to_owned();
            (id, header(message, STATUS).unwrap(), data)
        })
        .collect();
    answers.sort_by(|one, other| one.0.cmp(&other.0));
    answers
}

#[tokio::test(flavor = "multi_thread")]
async fn commands_are_answered_and_invalid_ones_become_dead_letters() {
    let kafka = Kafka::start();
    let invoke = FakeInvoke::answering(|_, event| {
        assert_eq!(event["headers"]["authorization"], "Bearer t");
        assert_eq!(event["requestContext"]["apiId"], "trichrome-gateway:events");
        let key = event["headers"]["idempotency-key"].as_str().unwrap();
        assert!(key == "e" || key.starts_with("auth-0-0-"), "{key}");
        Ok(json!({"statusCode": 200, "body": "{\"access_token\":\"a\"}"}))
    });
    let (calls, logged) = calls(&invoke);
    let running = kafka.commands(calls);
    let login = r#"{"username":"u","password":"p"}"#;
    kafka.produce("auth", "login", login).await;
    kafka.produce("auth", "login", "garbage").await;
    let envelope = json!({"EventId": "e", "Data": login}).to_string();
    kafka.produce("auth", "login", &envelope).await;

    let answered = answers(&kafka.read(RESULTS, 3).await);
    let token = json!({"access_token": "a"});
    assert!(answered[0].0.starts_with("auth-0-0-"), "{answered:?}");
    assert_eq!(answered[0].1, "200");
    assert_eq!(answered[0].2, token);
    assert!(answered[1].0.starts_with("auth-0-1-"), "{answered:?}");
    assert_eq!(answered[1].1, "400");
    assert_eq!(answered[1].2["error"]["code"], "INVALID_ARGUMENT");
    assert_eq!(answered[1].2["error"]["request_id"], "r");
    assert_eq!(answered[2], ("e".into(), "200".into(), token));

    let dead_letters = kafka.read("auth.dlq", 1).await;
    assert_eq!(dead_letters[0].payload(), Some(b"garbage".as_slice()));
    assert_eq!(dead_letters[0].key(), Some(b"login".as_slice()));
    assert_eq!(
        header(&dead_letters[0], "dlq-reason").unwrap(),
        "unparsable"
    );
    assert_eq!(header(&dead_letters[0], "dlq-offset").unwrap(), "1");
    assert_eq!(header(&dead_letters[0], "x-request-id").unwrap(), "r");
    assert_eq!(header(&dead_letters[0], "authorization"), None);
    assert_eq!(logged.count(), 3);
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_command_that_keeps_failing_is_answered_and_becomes_a_dead_letter() {
    let kafka = Kafka::start();
    let invoke = FakeInvoke::answering(|_, _| Err(InvokeError::Busy));
    let (calls, _) = calls(&invoke);
    let running = kafka.commands(calls);
    kafka.produce("analytics", "getlogs", "").await;
    let answered = answers(&kafka.read(RESULTS, 1).await);
    assert_eq!(answered[0].1, "503");
    let dead_letters = kafka.read("analytics.dlq", 1).await;
    assert_eq!(header(&dead_letters[0], "dlq-reason").unwrap(), "failed");
    assert_eq!(
        header(&dead_letters[0], "dlq-error-code").unwrap(),
        "UNAVAILABLE"
    );
    running.stop().await;
}

/// A function that hangs for one user, and records the users it was called for.
#[derive(Default)]
struct HangsForUser {
    user: Option<&'static str>,
    called_for: Mutex<Vec<String>>,
}

impl Invoke for HangsForUser {
    fn invoke<'a>(
        &'a self,
        _: &'a str,
        event: &'a Bytes,
        _: Option<&'a Trace>,
        deadline: Instant,
    ) -> BoxFuture<'a, Result<Bytes, InvokeError>> {
        Box::pin(async move {
            let event: Value = serde_json::from_slice(event).unwrap();
            let user = event["pathParameters"]["user_id"].as_str().unwrap();
            self.called_for.lock().unwrap().push(user.to_owned());
            if self.user == Some(user) {
                tokio::time::sleep_until(deadline).await;
            }
            Ok(Bytes::from_static(b"{\"statusCode\":200,\"body\":\"{}\"}"))
        })
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_crash_only_uncommitted_records_are_read_again() {
    let kafka = Kafka::start();
    let calls = |invoke: &Arc<HangsForUser>| {
        Calls::new(
            Arc::clone(invoke) as _,
            Arc::new(RateLimits::from_contract()),
            CallLog::new(Arc::new(Logged::default())),
            Arc::new(Metrics::new()),
        )
    };
    for user in ["a", "b", "c"] {
        let value = json!({"EventId": user, "Data": json!({"user_id": user}).to_string()});
        kafka.produce("users", "getuser", &value.to_string()).await;
    }
    let first = Arc::new(HangsForUser {
        user: Some("b"),
        ..HangsForUser::default()
    });
    let running = kafka.commands(calls(&first));
    // "b" hangs; "c", which follows it, is answered.
    let ids: Vec<_> = answers(&kafka.read(RESULTS, 2).await)
        .into_iter()
        .map(|answer| answer.0)
        .collect();
    assert_eq!(ids, ["a", "c"]);
    running.crash().await;

    let second = Arc::new(HangsForUser::default());
    let running = kafka.commands(calls(&second));
    kafka.read(RESULTS, 4).await;
    running.stop().await;
    let mut called_for = second.called_for.lock().unwrap().clone();
    called_for.sort();
    assert_eq!(
        called_for,
        ["b", "c"],
        "\"a\" was committed; \"c\" followed \"b\", which was not"
    );
}

/// Functions that take a while, and record each call's user and number at its start and end.
#[derive(Default)]
struct Slow {
    took: Duration,
    /// The user whose calls fail through no fault of theirs.
    fails_for: Option<&'static str>,
    /// User, number and whether the call has ended.
    calls: Mutex<Vec<(String, u64, bool)>>,
}

impl Slow {
    fn calls(self: &Arc<Self>) -> Calls {
        Calls::new(
            Arc::clone(self) as _,
            Arc::new(RateLimits::from_contract()),
            CallLog::new(Arc::new(Logged::default())),
            Arc::new(Metrics::new()),
        )
    }

    /// A user's calls in the order of their starts and ends.
    fn of(&self, user: &str) -> Vec<(u64, bool)> {
        let calls = self.calls.lock().unwrap();
        let own = calls.iter().filter(|(of, _, _)| of == user);
        own.map(|(_, number, ended)| (*number, *ended)).collect()
    }
}

impl Invoke for Slow {
    fn invoke<'a>(
        &'a self,
        _: &'a str,
        event: &'a Bytes,
        _: Option<&'a Trace>,
        _: Instant,
    ) -> BoxFuture<'a, Result<Bytes, InvokeError>> {
        Box::pin(async move {
            let event: Value = serde_json::from_slice(event).unwrap();
            let body: Value = serde_json::from_str(event["body"].as_str().unwrap_or("{}")).unwrap();
            let title = body["title"].as_str().unwrap_or("unnamed 0").to_owned();
            let (user, number) = title.split_once(' ').unwrap();
            let mut call = (user.to_owned(), number.parse().unwrap(), false);
            self.calls.lock().unwrap().push(call.clone());
            tokio::time::sleep(self.took).await;
            if self.fails_for == Some(user) {
                return Err(InvokeError::Busy);
            }
            call.2 = true;
            self.calls.lock().unwrap().push(call);
            Ok(Bytes::from_static(b"{\"statusCode\":201,\"body\":\"{}\"}"))
        })
    }
}

/// Sends the creates of one user and returns the number of records that answer them.
fn creates(kafka: &Kafka, user: &str, numbers: std::ops::Range<u64>) -> usize {
    let authorization = format!("Bearer {}", token(user));
    let count = numbers.clone().count();
    for number in numbers {
        let args = json!({"title": format!("{user} {number}"), "base64": "AA=="});
        let headers = [("authorization", authorization.as_str())];
        kafka.command(
            "pictures-create",
            &format!("{user}-{number}"),
            &args,
            &headers,
        );
    }
    count
}

#[tokio::test(flavor = "multi_thread")]
async fn commands_of_one_caller_take_effect_in_order() {
    let kafka = Kafka::start();
    let slow = Arc::new(Slow {
        took: Duration::from_millis(5),
        ..Slow::default()
    });
    let running = kafka.commands(slow.calls());
    let sent = creates(&kafka, "a", 0..30) + creates(&kafka, "b", 0..30);
    kafka.read(RESULTS, sent).await;
    running.stop().await;
    for user in ["a", "b"] {
        let in_order: Vec<_> = (0..30).flat_map(|n| [(n, false), (n, true)]).collect();
        assert_eq!(slow.of(user), in_order, "{user}");
    }
    let calls = slow.calls.lock().unwrap();
    let first_of_b = calls.iter().position(|(user, _, _)| user == "b");
    let last_of_a = calls.iter().rposition(|(user, _, _)| user == "a");
    assert!(first_of_b < last_of_a, "callers run in parallel");
}

#[tokio::test(flavor = "multi_thread")]
async fn retries_hold_back_the_same_callers_commands_only() {
    let kafka = Kafka::start();
    let slow = Arc::new(Slow {
        fails_for: Some("a"),
        ..Slow::default()
    });
    let running = kafka.commands(slow.calls());
    creates(&kafka, "a", 0..3);
    let started = Instant::now();
    let sent = creates(&kafka, "b", 0..20);
    let answered = answers(&kafka.read(RESULTS, sent).await);
    assert!(
        answered.iter().all(|(id, _, _)| id.starts_with("b-")),
        "{answered:?}"
    );
    assert!(
        started.elapsed() < Duration::from_secs(8),
        "{:?}",
        started.elapsed()
    );
    let tried = slow.of("a");
    assert!(tried.iter().all(|call| *call == (0, false)), "{tried:?}");
    running.crash().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_goes_to_the_topic_that_its_command_names() {
    let kafka = Kafka::start();
    let invoke = FakeInvoke::answering(|_, _| Ok(json!({"statusCode": 200, "body": "{}"})));
    let (calls, _) = calls(&invoke);
    let running = kafka.commands(calls);
    let args = json!({"user_id": "u"});
    for (event_id, topic) in [
        ("own", OWN_RESULTS),
        ("none", "results.none"),
        ("other", "auth"),
        ("default", RESULTS),
    ] {
        kafka.command("users-get", event_id, &args, &[(REPLY_TO, topic)]);
    }
    let own = answers(&kafka.read(OWN_RESULTS, 1).await);
    assert_eq!((own[0].0.as_str(), own[0].1.as_str()), ("own", "200"));
    let answered = answers(&kafka.read(RESULTS, 3).await);
    let statuses: Vec<_> = answered
        .iter()
        .map(|(id, status, _)| (id.as_str(), status.as_str()))
        .collect();
    assert_eq!(
        statuses,
        [("default", "200"), ("none", "400"), ("other", "400")]
    );
    for (answer, cause) in [(1, "doesn't exist"), (2, "begins with results.")] {
        let message = answered[answer].2["error"]["message"].as_str().unwrap();
        assert!(
            message.contains("reply-to") && message.contains(cause),
            "{message}"
        );
    }
    let dead_letters = kafka.read("users.dlq", 2).await;
    for dead_letter in &dead_letters {
        assert_eq!(header(dead_letter, "dlq-reason").unwrap(), "invalid_header");
    }
    assert_eq!(invoke.calls(), 2, "commands with a bad topic are not run");
    running.stop().await;
}

/// Commands of different callers run as fast as those without an order. Run with
/// `cargo test -p trichrome-gateway --lib -- --ignored --nocapture throughput`.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "a measurement of half a minute"]
async fn throughput_with_a_thousand_callers() {
    const CALLERS: u64 = 1000;
    const COMMANDS: u64 = 10;
    for round in 0..3 {
        for (what, ordered) in [("without an order", false), ("in order", true)] {
            let kafka = Kafka::start();
            let slow = Arc::new(Slow {
                took: Duration::from_millis(2),
                ..Slow::default()
            });
            for number in 0..COMMANDS {
                for caller in 0..CALLERS {
                    if ordered {
                        creates(&kafka, &format!("u{caller}"), number..number + 1);
                    } else {
                        let args =
                            json!({"title": format!("u{caller} {number}"), "base64": "AA=="});
                        let event_id = format!("{caller}-{number}");
                        let headers = [("authorization", "Bearer none")];
                        kafka.command("pictures-create", &event_id, &args, &headers);
                    }
                }
            }
            let started = Instant::now();
            let running = kafka.commands(slow.calls());
            while slow.calls.lock().unwrap().len() < (2 * CALLERS * COMMANDS) as usize {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            let rate = (CALLERS * COMMANDS) as f64 / started.elapsed().as_secs_f64();
            eprintln!("round {round}, {what}: {rate:.0} commands a second");
            running.stop().await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn functions_of_one_topic_that_hang_delay_no_other_topic() {
    let kafka = Kafka::start();
    let hangs = Arc::new(HangsForUser {
        user: Some("b"),
        ..HangsForUser::default()
    });
    let calls = Calls::new(
        Arc::clone(&hangs) as _,
        Arc::new(RateLimits::from_contract()),
        CallLog::new(Arc::new(Logged::default())),
        Arc::new(Metrics::new()),
    );
    let running = kafka.commands(calls);
    // More than the gateway serves at once.
    for _ in 0..50 {
        kafka
            .produce("users", "getuser", r#"{"user_id":"b"}"#)
            .await;
    }
    let deadline = Instant::now() + Duration::from_secs(20);
    while hangs.called_for.lock().unwrap().is_empty() && Instant::now() < deadline {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    // Invalid, so that its function isn't called.
    kafka.produce("auth", "login", "garbage").await;
    let answered = answers(&kafka.read(RESULTS, 1).await);
    assert!(answered[0].0.starts_with("auth-"), "{answered:?}");
    running.crash().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_facade_receives_an_answer_over_kafka() {
    let kafka = Kafka::start();
    let invoke = FakeInvoke::answering(|_, event| {
        assert_eq!(event["headers"]["idempotency-key"], "mine");
        Ok(json!({"statusCode": 201, "body": "{\"id\":\"p\"}"}))
    });
    let (calls, _) = calls(&invoke);
    let running = kafka.commands(calls);
    let awaiter = Awaiter::new(Arc::clone(&kafka.metrics));
    let results = Results::new(
        &kafka.config,
        Arc::clone(&awaiter),
        Positions::default(),
        Arc::clone(&kafka.metrics),
    );
    let stop = CancellationToken::new();
    let reading = tokio::spawn(results.unwrap().run(stop.clone()));
    let deadline = Instant::now() + Duration::from_secs(10);
    while !awaiter.is_reading() && Instant::now() < deadline {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let events = Events::new(kafka.producer.clone(), awaiter);
    let context = Context::read(|name| (name == "idempotency-key").then_some("mine"));
    let Value::Object(args) = json!({"title": "t", "base64": "AA=="}) else {
        unreachable!();
    };
    let operation = contract::by_function("pictures-create").unwrap();
    let deadline = Instant::now() + Duration::from_secs(15);
    let answer = events.call(operation, args, &context, deadline).await;
    assert_eq!(answer.unwrap(), "{\"id\":\"p\"}");
    stop.cancel();
    reading.await.unwrap();
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_between_two_readers_arrive() {
    let kafka = Kafka::start();
    let awaiter = Awaiter::new(Arc::clone(&kafka.metrics));
    let positions = Positions::default();
    let begin = async || {
        let results = Results::new(
            &kafka.config,
            Arc::clone(&awaiter),
            positions.clone(),
            Arc::clone(&kafka.metrics),
        );
        let (results, stop) = (results.unwrap(), CancellationToken::new());
        let started = results.started().clone();
        let reading = tokio::spawn(results.run(stop.clone()));
        let started = tokio::time::timeout(Duration::from_secs(10), started.cancelled());
        started.await.unwrap();
        (reading, stop)
    };
    for event_id in ["first", "second"] {
        let (reading, stop) = begin().await;
        stop.cancel();
        reading.await.unwrap();

        let mut awaited = awaiter.expect(event_id, 200).unwrap();
        let value = json!({"EventId": event_id, "Data": "{}"}).to_string();
        let record = Record {
            topic: RESULTS,
            key: None,
            value: Some(value.as_bytes()),
            headers: &[(STATUS, b"200")],
            partition: None,
        };
        kafka.producer.produce(&record).await.unwrap();

        let (reading, stop) = begin().await;
        let answer = tokio::time::timeout(Duration::from_secs(10), awaited.answer());
        assert_eq!(answer.await.unwrap().unwrap().status, 200, "{event_id}");
        stop.cancel();
        reading.await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn call_logs_are_passed_to_their_function_in_batches() {
    let kafka = Kafka::start();
    let trigger = &TRIGGERS[0];
    for n in 0..20 {
        kafka.produce(trigger.topic, "k", &n.to_string()).await;
    }
    let batches = Arc::new(Mutex::new(Vec::new()));
    let invoke = {
        let batches = Arc::clone(&batches);
        FakeInvoke::answering(move |_, event| {
            let records = event["records"]["analyticsdata-0"]
                .as_array()
                .unwrap()
                .clone();
            batches.lock().unwrap().push(records);
            Ok(Value::Null)
        })
    };
    let batches_of = |invoke: &Arc<FakeInvoke>| {
        let consumer = kafka.group("ingest", &[trigger.topic]);
        let dead_letters = DeadLetters::new(kafka.producer.clone(), Arc::clone(&kafka.metrics));
        let work = Batches {
            consumer: Arc::clone(&consumer),
            delivery: Delivery {
                trigger,
                bootstrap: kafka.config.kafka.brokers().to_owned(),
                invoke: Arc::clone(invoke) as _,
                dead_letters: Arc::new(dead_letters),
                metrics: Arc::clone(&kafka.metrics),
            },
        };
        Running::start(consumer, |stop, abandon| {
            tokio::spawn(work.run(stop, abandon))
        })
    };
    let count = || batches.lock().unwrap().iter().map(Vec::len).sum::<usize>();
    let wait_for = async |wanted: usize| {
        let deadline = Instant::now() + Duration::from_secs(20);
        while count() < wanted && Instant::now() < deadline {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        assert_eq!(count(), wanted);
    };
    let running = batches_of(&invoke);
    wait_for(20).await;
    assert!(invoke.calls() < 20, "records come in batches");
    running.stop().await;

    // Accepted records were committed, so only the new one is delivered.
    kafka.produce(trigger.topic, "k", "20").await;
    let running = batches_of(&invoke);
    wait_for(21).await;
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_consumer_is_polled_while_its_function_is_down() {
    let kafka = Kafka::start();
    let trigger = &TRIGGERS[0];
    let down = Arc::new(AtomicBool::new(true));
    let delivered = Arc::new(Mutex::new(Vec::new()));
    let invoke = {
        let (down, delivered) = (Arc::clone(&down), Arc::clone(&delivered));
        FakeInvoke::answering(move |_, event| {
            if down.load(Ordering::SeqCst) {
                return Err(InvokeError::Busy);
            }
            let records = event["records"]["analyticsdata-0"].as_array().unwrap();
            let offsets = records.iter().map(|it| it["offset"].as_i64().unwrap());
            delivered.lock().unwrap().extend(offsets);
            Ok(Value::Null)
        })
    };
    let consumer = kafka.group("ingest", &[trigger.topic]);
    let dead_letters = DeadLetters::new(kafka.producer.clone(), Arc::clone(&kafka.metrics));
    let batches = Batches {
        consumer: Arc::clone(&consumer),
        delivery: Delivery {
            trigger,
            bootstrap: kafka.config.kafka.brokers().to_owned(),
            invoke: Arc::clone(&invoke) as _,
            dead_letters: Arc::new(dead_letters),
            metrics: Arc::clone(&kafka.metrics),
        },
    };
    let running = Running::start(consumer, |stop, abandon| {
        tokio::spawn(batches.run(stop, abandon))
    });
    // Each batch that can't be delivered takes a slot, until none is left.
    for n in 0..8 {
        kafka.produce(trigger.topic, "k", &n.to_string()).await;
        tokio::time::sleep(Duration::from_millis(300)).await;
    }
    // Later than the last statistics that an unpolled consumer would have reported.
    tokio::time::sleep(Duration::from_secs(2)).await;
    for n in 8..108 {
        kafka.produce(trigger.topic, "k", &n.to_string()).await;
    }
    let lag = || {
        let (_, text) = kafka.metrics.encode("text/plain").unwrap();
        let line = text.lines().find(|line| {
            line.starts_with("trichrome_gateway_kafka_lag") && line.contains("analyticsdata")
        });
        let value = line.and_then(|line| line.rsplit_once(' '))?.1;
        value.parse::<f64>().ok()
    };
    let deadline = Instant::now() + Duration::from_secs(20);
    while lag() != Some(108.0) && Instant::now() < deadline {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(lag(), Some(108.0));

    down.store(false, Ordering::SeqCst);
    let deadline = Instant::now() + Duration::from_secs(30);
    while delivered.lock().unwrap().len() < 108 && Instant::now() < deadline {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    running.stop().await;
    let mut delivered = delivered.lock().unwrap().clone();
    delivered.sort_unstable();
    assert_eq!(delivered, (0..108).collect::<Vec<_>>());
}

#[tokio::test(flavor = "multi_thread")]
async fn records_are_delivered_while_their_producer_is_replaced() {
    const RECORDS: usize = 2000;
    let kafka = Kafka::start();
    let sink = KafkaLogSink::new(&kafka.config, Arc::clone(&kafka.metrics)).unwrap();
    let sink = Arc::new(sink);
    let producing = {
        let (producer, sink) = (kafka.producer.clone(), Arc::clone(&sink));
        tokio::task::spawn_blocking(move || {
            let mut produced = Vec::new();
            for n in 0..RECORDS {
                let value = n.to_string();
                let record = Record {
                    topic: OWN_RESULTS,
                    key: None,
                    value: Some(value.as_bytes()),
                    headers: &[],
                    partition: None,
                };
                produced.push(producer.enqueue(&record).unwrap());
                drop(sink.put(&value, value.as_bytes()));
                std::thread::sleep(Duration::from_micros(500));
            }
            produced
        })
    };
    let mut clients = 0;
    while !producing.is_finished() {
        let client = producer::client(&kafka.config, Arc::clone(&kafka.metrics)).unwrap();
        let (producer, sink) = (kafka.producer.clone(), Arc::clone(&sink));
        let config = kafka.config.clone();
        let replacing = tokio::task::spawn_blocking(move || {
            producer.replace(client);
            sink.replace(&config, Duration::from_secs(10)).unwrap();
        });
        replacing.await.unwrap();
        clients += 1;
    }
    assert!(clients > 1, "the producers were replaced {clients} times");
    for produced in producing.await.unwrap() {
        produced.delivered().await.unwrap();
    }
    assert_eq!(kafka.read(OWN_RESULTS, RECORDS).await.len(), RECORDS);
    let flushing = Arc::clone(&sink);
    let flushed = tokio::task::spawn_blocking(move || flushing.flush(Duration::from_secs(10)));
    flushed.await.unwrap().unwrap();
    let logged = kafka.read(TRIGGERS[0].topic, RECORDS).await;
    assert_eq!(logged.len(), RECORDS);
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_are_answered_while_all_clients_are_replaced() {
    const CALLS: usize = 60;
    let kafka = Kafka::start();
    let invoke = FakeInvoke::answering(|_, _| Ok(json!({"statusCode": 201, "body": "{}"})));
    let (calls, _) = calls(&invoke);
    let awaiter = Awaiter::new(Arc::clone(&kafka.metrics));
    let sink = KafkaLogSink::new(&kafka.config, Arc::clone(&kafka.metrics)).unwrap();
    let mut clients = Clients::start(Parts {
        config: kafka.config.clone(),
        calls,
        invoke: Arc::clone(&invoke) as _,
        metrics: Arc::clone(&kafka.metrics),
        producer: kafka.producer.clone(),
        log_sink: Arc::new(sink),
        awaiter: Arc::clone(&awaiter),
    })
    .unwrap();
    let deadline = Instant::now() + Duration::from_secs(10);
    while !awaiter.is_reading() && Instant::now() < deadline {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let events = Arc::new(Events::new(kafka.producer.clone(), awaiter));
    let calling = tokio::spawn(async move {
        let mut calls = JoinSet::new();
        for _ in 0..CALLS {
            let events = Arc::clone(&events);
            calls.spawn(async move {
                let Value::Object(args) = json!({"title": "t", "base64": "AA=="}) else {
                    unreachable!();
                };
                let operation = contract::by_function("pictures-create").unwrap();
                let context = Context::read(|_| None);
                let deadline = Instant::now() + Duration::from_secs(30);
                events.call(operation, args, &context, deadline).await
            });
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        calls.join_all().await
    });
    let first = Arc::downgrade(&clients.consumer("commands").unwrap());
    for _ in 0..2 {
        let client = producer::client(&kafka.config, Arc::clone(&kafka.metrics)).unwrap();
        clients.replace(client).await.unwrap();
    }
    assert!(first.upgrade().is_none(), "a replaced consumer still lives");
    for answer in calling.await.unwrap() {
        assert_eq!(answer.unwrap(), "{}");
    }
    assert_eq!(invoke.calls(), u32::try_from(CALLS).unwrap());
    clients.stop(&Drain::begin(Duration::from_secs(10))).await;
}

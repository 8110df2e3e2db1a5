//! What the broker doesn't support is refused at once, as librdkafka's clients see it.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on ends here")]

use std::time::{Duration, Instant};

use rdkafka::{
    ClientConfig,
    admin::{AdminClient, AdminOptions, NewTopic, TopicReplication},
    client::DefaultClientContext,
    consumer::{BaseConsumer, Consumer as _},
    error::{KafkaError, RDKafkaErrorCode},
    producer::{BaseProducer, Producer as _},
};
use tokio::net::TcpListener;

/// How long a client may wait for an error. Without one it waits for a minute or forever.
const AT_ONCE: Duration = Duration::from_secs(10);

/// Runs a broker with the topic `events` in the background, for as long as the test.
struct Server {
    brokers: String,
    _directory: tempfile::TempDir,
}

impl Server {
    async fn start() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let brokers = listener.local_addr().unwrap().to_string();
        let path = directory.path().to_owned();
        tokio::spawn(async move { local_kafka::serve(listener, &path).await });
        let server = Self {
            brokers,
            _directory: directory,
        };
        server.create("events", &[]).await.unwrap();
        server
    }

    fn config(&self) -> ClientConfig {
        let mut config = ClientConfig::new();
        config
            .set("bootstrap.servers", &self.brokers)
            .set("log_level", "0");
        config
    }

    async fn create(&self, topic: &str, config: &[(&str, &str)]) -> Result<(), RDKafkaErrorCode> {
        let admin: AdminClient<DefaultClientContext> = self.config().create().unwrap();
        let topic = NewTopic::new(topic, 1, TopicReplication::Fixed(1));
        let topic = config
            .iter()
            .fold(topic, |topic, (name, value)| topic.set(name, value));
        let results = admin.create_topics(&[topic], &AdminOptions::new()).await;
        let result = results.unwrap().remove(0);
        result.map(drop).map_err(|(_, code)| code)
    }

    /// The first error that a consumer with these settings gets.
    async fn refusal(&self, settings: &[(&str, &str)]) -> KafkaError {
        let mut config = self.config();
        config.set("group.id", "readers");
        for (name, value) in settings {
            config.set(*name, *value);
        }
        let reading = tokio::task::spawn_blocking(move || {
            let consumer: BaseConsumer = config.create().unwrap();
            consumer.subscribe(&["events"]).unwrap();
            let until = Instant::now() + AT_ONCE;
            while Instant::now() < until {
                match consumer.poll(Duration::from_millis(100)) {
                    Some(Err(error)) => return error,
                    Some(Ok(_)) => panic!("there is no record"),
                    None => {}
                }
            }
            panic!("no error within {AT_ONCE:?}")
        });
        reading.await.unwrap()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_transactional_producer_is_refused() {
    let server = Server::start().await;
    let mut config = server.config();
    config.set("transactional.id", "payments");
    let begun = Instant::now();
    let refused = tokio::task::spawn_blocking(move || {
        let producer: BaseProducer = config.create().unwrap();
        producer.init_transactions(AT_ONCE)
    });
    let KafkaError::Transaction(error) = refused.await.unwrap().unwrap_err() else {
        panic!("not a transaction's error");
    };
    assert!(error.is_fatal(), "{error}");
    let message = error.string();
    assert!(message.contains("no transactions"), "{message}");
    assert!(begun.elapsed() < AT_ONCE / 2, "{:?}", begun.elapsed());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_static_member_is_refused() {
    let server = Server::start().await;
    let error = server.refusal(&[("group.instance.id", "reader-1")]).await;
    let code = error.rdkafka_error_code();
    assert_eq!(code, Some(RDKafkaErrorCode::UnsupportedVersion), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_member_of_a_new_kind_of_group_is_refused() {
    let server = Server::start().await;
    let error = server.refusal(&[("group.protocol", "consumer")]).await;
    assert!(
        matches!(error, KafkaError::MessageConsumptionFatal(_)),
        "{error:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_topic_with_settings_that_do_nothing_is_refused() {
    let server = Server::start().await;
    for settings in [
        ("cleanup.policy", "compact"),
        ("min.compaction.lag.ms", "1"),
        ("retention.ms", "soon"),
    ] {
        let created = server.create("other", &[settings]).await;
        assert_eq!(
            created,
            Err(RDKafkaErrorCode::InvalidConfig),
            "{settings:?}"
        );
    }
    let kept = [("retention.ms", "600000"), ("max.message.bytes", "8388608")];
    assert_eq!(server.create("other", &kept).await, Ok(()));
}

#[tokio::test(flavor = "multi_thread")]
async fn records_are_gone_after_their_topics_retention() {
    let server = Server::start().await;
    server
        .create("short", &[("retention.ms", "1000")])
        .await
        .unwrap();
    let config = server.config();
    let ends = tokio::task::spawn_blocking(move || {
        let producer: BaseProducer = config.create().unwrap();
        let record = rdkafka::producer::BaseRecord::<(), str>::to("short").payload("secret");
        producer.send(record).unwrap();
        producer.flush(AT_ONCE).unwrap();
        let consumer: BaseConsumer = config.create().unwrap();
        let until = Instant::now() + AT_ONCE;
        loop {
            let ends = consumer.fetch_watermarks("short", 0, AT_ONCE).unwrap();
            if ends.0 == ends.1 || Instant::now() > until {
                return ends;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
    });
    assert_eq!(ends.await.unwrap(), (1, 1), "the offset goes on");
}

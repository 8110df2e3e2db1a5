//! A Kafka client: signs up, uploads a picture and lists it.
//!
//! `cargo run -p trichrome-tests --features stack --example kafka [BROKERS]`

#![allow(clippy::print_stdout, reason = "an example: this is its output")]

use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use base64::{Engine as _, prelude::BASE64_STANDARD};
use rdkafka::{
    ClientConfig, Message as _, Offset, TopicPartitionList,
    consumer::{Consumer as _, StreamConsumer},
    message::{BorrowedMessage, Header, Headers as _, OwnedHeaders},
    producer::{FutureProducer, FutureRecord},
};
use serde::Deserialize;
use serde_json::{Value, json};
use uuid::Uuid;

const PICTURE: &[u8] = include_bytes!("../tests/fixtures/photo.jpg");

/// Where every command's answer is produced.
const RESULTS: &str = "results";

const TIMEOUT: Duration = Duration::from_secs(20);

#[derive(Deserialize)]
struct Picture {
    id: String,
    title: String,
    width: u32,
    height: u32,
}

#[tokio::main]
async fn main() -> Result<()> {
    let brokers = std::env::args().nth(1);
    let brokers = brokers.unwrap_or_else(|| "localhost:29092".to_owned());
    let service = Service::connect(&brokers)?;

    let user =
        json!({"username": format!("kafka-{}", Uuid::new_v4()), "password": "correct horse"});
    let signup = service.call("auth", "signup", None, &user).await?;
    let token = signup["access_token"].as_str().context("no token")?;

    let upload = json!({"title": "Harbour", "base64": BASE64_STANDARD.encode(PICTURE)});
    let answer = service
        .call("pictures", "createpicture", Some(token), &upload)
        .await?;
    let picture: Picture = serde_json::from_value(answer)?;
    println!(
        "uploaded {}, {} x {}",
        picture.id, picture.width, picture.height
    );

    let mut answer = service
        .call("pictures", "getpictures", Some(token), &json!({}))
        .await?;
    let pictures: Vec<Picture> = serde_json::from_value(answer["pictures"].take())?;
    for picture in pictures {
        println!("{}  {}", picture.id, picture.title);
    }
    Ok(())
}

struct Service {
    producer: FutureProducer,
    results: StreamConsumer,
}

impl Service {
    /// Connects, and reads answers from now on.
    fn connect(brokers: &str) -> Result<Self> {
        let mut config = ClientConfig::new();
        config
            .set("bootstrap.servers", brokers)
            // The largest record that the topics take.
            .set("message.max.bytes", "8388608");
        let mut reading = config.clone();
        // Partitions are assigned below. The group is only a name that librdkafka asks for.
        let results: StreamConsumer = reading
            .set("group.id", "trichrome-example")
            .set("enable.auto.commit", "false")
            .create()?;
        let metadata = results.fetch_metadata(Some(RESULTS), TIMEOUT)?;
        let topic = metadata.topics().first().context("no topic results")?;
        let mut ends = TopicPartitionList::new();
        for partition in topic.partitions() {
            // Asked for now, so that no answer is missed while the consumer starts.
            let (_, end) = results.fetch_watermarks(RESULTS, partition.id(), TIMEOUT)?;
            ends.add_partition_offset(RESULTS, partition.id(), Offset::Offset(end))?;
        }
        results.assign(&ends)?;
        Ok(Self {
            producer: config.create()?,
            results,
        })
    }

    /// Produces a command and waits for its answer. `EventId` ties the two together, and a
    /// command that is produced again with the same one has no second effect.
    async fn call(
        &self,
        topic: &str,
        key: &str,
        token: Option<&str>,
        request: &Value,
    ) -> Result<Value> {
        let event_id = Uuid::new_v4().to_string();
        let envelope = json!({"EventId": event_id, "Data": request.to_string()}).to_string();
        let bearer = token.map(|token| format!("Bearer {token}"));
        let mut headers = OwnedHeaders::new();
        if let Some(bearer) = &bearer {
            headers = headers.insert(Header {
                key: "authorization",
                value: Some(bearer),
            });
        }
        let record = FutureRecord::to(topic)
            .key(key)
            .payload(&envelope)
            .headers(headers);
        let sent = self.producer.send(record, TIMEOUT).await;
        sent.map_err(|(error, _)| error)?;
        tokio::time::timeout(TIMEOUT, self.answer(&event_id))
            .await
            .with_context(|| format!("no answer to {key} in time"))?
    }

    async fn answer(&self, event_id: &str) -> Result<Value> {
        loop {
            let record = self.results.recv().await?;
            let Some(payload) = record.payload() else {
                continue;
            };
            let envelope: Value = serde_json::from_slice(payload)?;
            if envelope["EventId"] != event_id {
                continue;
            }
            let data = envelope["Data"].as_str().context("no data")?;
            let status = header(&record, "status").context("no status")?;
            if !status.starts_with('2') {
                bail!("{status}: {data}");
            }
            return Ok(serde_json::from_str(data)?);
        }
    }
}

fn header(record: &BorrowedMessage<'_>, name: &str) -> Option<String> {
    let headers = record.headers()?;
    let header = headers.iter().find(|header| header.key == name)?;
    Some(String::from_utf8_lossy(header.value?).into_owned())
}

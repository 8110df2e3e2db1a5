//! What the tests ask of a client.

use std::{collections::BTreeMap, env, time::Duration};

use anyhow::{Context as _, Result, ensure};
use futures::future::LocalBoxFuture;
use serde::Serialize;
use serde_json::Value;
use trichrome_proto::wire::record::STATUS;

use crate::{kcat::Kcat, program::Program};

/// The commands of the installed clients, by name, as JSON.
const VARIABLE: &str = "TRICHROME_KAFKA_CLIENTS";

/// How long a client may take to be refused a transaction, with the start of a Java program.
pub(crate) const REFUSED_WITHIN: Duration = Duration::from_secs(15);

/// A client's features.
pub(crate) struct Kind {
    pub(crate) name: &'static str,
    pub(crate) codecs: &'static [&'static str],
    /// The option for records of 8 MiB, if they need one.
    pub(crate) option: Option<&'static str>,
    /// Whether it can abort a transaction.
    pub(crate) aborts: bool,
}

const EVERY_CODEC: &[&str] = &["none", "gzip", "snappy", "lz4", "zstd"];

/// librdkafka itself is what all other tests use.
pub(crate) const CLIENTS: [Kind; 5] = [
    Kind {
        name: "kafka-python",
        codecs: EVERY_CODEC,
        option: Some("max_request_size"),
        aborts: true,
    },
    Kind {
        name: "aiokafka",
        codecs: EVERY_CODEC,
        option: Some("max_request_size"),
        aborts: true,
    },
    Kind {
        name: "kafkajs",
        // Its other codecs are packages of others.
        codecs: &["none", "gzip"],
        option: None,
        aborts: true,
    },
    Kind {
        name: "java",
        codecs: EVERY_CODEC,
        option: Some("max.request.size"),
        aborts: true,
    },
    Kind {
        name: "kcat",
        codecs: EVERY_CODEC,
        option: Some("message.max.bytes"),
        // It commits whatever its input has.
        aborts: false,
    },
];

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Mode {
    Plain,
    Idempotent,
    /// A transaction that is committed.
    Commit,
    /// A transaction that is aborted.
    Abort,
}

/// Records to produce.
#[derive(Serialize)]
pub(crate) struct Request<'a> {
    pub(crate) records: Vec<Value>,
    pub(crate) codec: &'a str,
    pub(crate) mode: Mode,
    /// The value of the option for large records.
    pub(crate) max: Option<usize>,
}

#[derive(Debug)]
pub(crate) enum Outcome {
    Produced,
    Refused(String),
}

#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) data: Value,
}

impl Answer {
    /// Reads an answer's headers and the value `{"EventId", "Data"}`.
    pub(crate) fn read(headers: Vec<(String, String)>, value: &str) -> Result<Self> {
        let value: Value = serde_json::from_str(value)?;
        let data = value["Data"].as_str().context("an answer without Data")?;
        Ok(Self {
            headers,
            data: serde_json::from_str(data)?,
        })
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(header, _)| header == name);
        found.map(|(_, value)| value.as_str())
    }

    pub(crate) fn has_status(&self, status: u16) -> Result<()> {
        let found = self.header(STATUS);
        ensure!(
            found == Some(&status.to_string()),
            "the status is {found:?}: {:.300}",
            self.data.to_string()
        );
        Ok(())
    }
}

/// A client.
pub(crate) trait Client {
    /// Produces records.
    fn produce<'a>(&'a mut self, request: &'a Request<'a>) -> LocalBoxFuture<'a, Result<Outcome>>;

    /// Waits for the answer with this request id.
    fn answer<'a>(&'a mut self, request_id: &'a str) -> LocalBoxFuture<'a, Result<Answer>>;

    /// Whether the answer with this request id has come.
    fn has_answer<'a>(&'a mut self, request_id: &'a str) -> LocalBoxFuture<'a, Result<bool>>;
}

/// The commands of the installed clients, by name.
pub(crate) fn installed() -> BTreeMap<String, Vec<String>> {
    let text = env::var(VARIABLE).unwrap_or_default();
    serde_json::from_str(&text).unwrap_or_default()
}

pub(crate) async fn start(kind: &'static Kind, brokers: &str) -> Result<Box<dyn Client>> {
    let command = installed().remove(kind.name).context("not installed")?;
    if kind.name == "kcat" {
        return Ok(Box::new(Kcat::new(command, brokers)?));
    }
    Ok(Box::new(Program::start(&command, brokers).await?))
}

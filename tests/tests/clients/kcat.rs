//! kcat, which is run for each record.

use std::{
    process::{Output, Stdio},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use anyhow::{Context as _, Result, bail, ensure};
use futures::future::LocalBoxFuture;
use serde::Deserialize;
use serde_json::Value;
use tokio::{io::AsyncWriteExt as _, process::Command, time::timeout};
use trichrome_proto::wire::{header::REQUEST_ID, record::RESULTS};
use trichrome_tests::wait::{SOON, eventually};
use uuid::Uuid;

use crate::client::{Answer, Client, Mode, Outcome, Request};

/// The timeout of one run.
const TIMEOUT: Duration = Duration::from_secs(40);

/// How much earlier than the client's start answers are read from: clocks are coarse.
const EARLIER: Duration = Duration::from_secs(1);

/// What ends a record, and what ends its key. No key or value contains them.
const END: &str = "\u{1}";
const END_OF_KEY: &str = "\u{2}";

pub(crate) struct Kcat {
    command: Vec<String>,
    brokers: String,
    /// When the client started, in Unix milliseconds.
    since: u128,
}

/// A record as kcat prints it.
#[derive(Deserialize)]
struct Printed {
    /// Names and values in turn.
    #[serde(default)]
    headers: Vec<String>,
    payload: Option<String>,
}

impl Kcat {
    pub(crate) fn new(command: Vec<String>, brokers: &str) -> Result<Self> {
        let since = SystemTime::now() - EARLIER;
        Ok(Self {
            command,
            brokers: brokers.to_owned(),
            since: since.duration_since(UNIX_EPOCH)?.as_millis(),
        })
    }

    async fn run(&self, arguments: &[String], input: &[u8]) -> Result<Output> {
        let (program, before) = self.command.split_first().context("an empty command")?;
        let mut child = Command::new(program)
            .args(before)
            .args(["-b", &self.brokers, "-q"])
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .context("cannot start kcat")?;
        let mut stdin = child.stdin.take().context("no input")?;
        let run = async {
            // It may end before it has read everything.
            let _written = stdin.write_all(input).await;
            drop(stdin);
            child.wait_with_output().await
        };
        Ok(timeout(TIMEOUT, run).await.context("kcat hangs")??)
    }

    async fn produce_one(&self, record: &Value, request: &Request<'_>) -> Result<Outcome> {
        let text = |field: &str| record[field].as_str();
        let topic = text("topic").context("no topic")?;
        let mut arguments: Vec<String> = ["-P", "-t", topic, "-z", request.codec, "-D"]
            .map(str::to_owned)
            .into();
        arguments.push(END.to_owned());
        let mut set = |option: &str, value: &str| {
            arguments.extend([option.to_owned(), value.to_owned()]);
        };
        set("-X", "acks=all");
        set("-X", "message.timeout.ms=15000");
        let mut input = String::new();
        if let Some(key) = text("key") {
            set("-K", END_OF_KEY);
            input = format!("{key}{END_OF_KEY}");
        }
        for header in record["headers"].as_array().into_iter().flatten() {
            let (Some(name), Some(value)) = (header[0].as_str(), header[1].as_str()) else {
                bail!("not a header: {header}");
            };
            set("-H", &format!("{name}={value}"));
        }
        match request.mode {
            Mode::Plain => {}
            Mode::Idempotent => set("-X", "enable.idempotence=true"),
            Mode::Commit => set("-X", &format!("transactional.id=client-{}", Uuid::new_v4())),
            Mode::Abort => bail!("kcat aborts no transaction"),
        }
        if let Some(max) = request.max {
            set("-X", &format!("message.max.bytes={max}"));
        }
        match text("value") {
            Some(value) => input += value,
            // An empty value is null. It has to have a key: kcat skips empty input.
            None => arguments.push("-Z".to_owned()),
        }
        input += END;
        let output = self.run(&arguments, input.as_bytes()).await?;
        let errors = String::from_utf8_lossy(&output.stderr).into_owned();
        if output.status.success() && errors.trim().is_empty() {
            return Ok(Outcome::Produced);
        }
        Ok(Outcome::Refused(format!("{}: {errors}", output.status)))
    }

    /// The answers since the client's start.
    async fn answers(&self) -> Result<Vec<Answer>> {
        let since = format!("s@{}", self.since);
        let arguments = ["-C", "-t", RESULTS, "-o", &since, "-e", "-J"].map(str::to_owned);
        let output = self.run(&arguments, &[]).await?;
        ensure!(
            output.status.success(),
            "{}: {}",
            output.status,
            String::from_utf8_lossy(&output.stderr)
        );
        let mut answers = Vec::new();
        for line in String::from_utf8(output.stdout)?.lines() {
            let printed: Printed = serde_json::from_str(line)?;
            let (pairs, _) = printed.headers.as_chunks::<2>();
            let headers = pairs.iter().cloned().map(<(String, String)>::from);
            let value = printed.payload.context("an answer without a value")?;
            answers.push(Answer::read(headers.collect(), &value)?);
        }
        Ok(answers)
    }

    async fn find(&self, request_id: &str) -> Result<Option<Answer>> {
        let mut answers = self.answers().await?.into_iter();
        Ok(answers.find(|answer| answer.header(REQUEST_ID) == Some(request_id)))
    }
}

impl Client for Kcat {
    fn produce<'a>(&'a mut self, request: &'a Request<'a>) -> LocalBoxFuture<'a, Result<Outcome>> {
        Box::pin(async move {
            for record in &request.records {
                let outcome = self.produce_one(record, request).await?;
                if matches!(outcome, Outcome::Refused(_)) {
                    return Ok(outcome);
                }
            }
            Ok(Outcome::Produced)
        })
    }

    fn answer<'a>(&'a mut self, request_id: &'a str) -> LocalBoxFuture<'a, Result<Answer>> {
        Box::pin(eventually(SOON, async || {
            let found = self.find(request_id).await?;
            found.context("no answer")
        }))
    }

    fn has_answer<'a>(&'a mut self, request_id: &'a str) -> LocalBoxFuture<'a, Result<bool>> {
        Box::pin(async move { Ok(self.find(request_id).await?.is_some()) })
    }
}

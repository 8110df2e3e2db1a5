//! Kafka clients in other languages, each with every codec it has, idempotent and transactional
//! producers, null keys and values, repeated headers and the largest records.
//!
//! `cargo xtask verify kafka-clients` installs the clients and runs these tests on a stack with
//! each broker.

mod client;
mod kcat;
mod program;

use std::process::ExitCode;

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};
use trichrome_proto::{
    contract::by_function,
    wire::{
        header::{AUTHORIZATION, REQUEST_ID},
        limits::MAX_RECORD,
        record::OPERATION,
    },
};
use trichrome_tests::{
    account::Account,
    harness::Suite,
    images::{Format, MAX_PICTURE},
    scenario::Scenario,
};
use uuid::Uuid;

use crate::client::{Answer, CLIENTS, Client, Kind, Mode, Outcome, Request};

/// The clients take most of the machine by themselves.
const THREADS: usize = 2;

/// What a record's headers and its batch's header take, at most.
const FRAMING: usize = 2048;

fn main() -> ExitCode {
    let installed = client::installed();
    let mut suite = Suite::default();
    for kind in &CLIENTS {
        let given = installed.contains_key(kind.name);
        suite.given(given, "the client isn't installed", |suite| {
            let name = |test: &str| format!("{}::{test}", kind.name);
            suite.once(&name("every_codec"), |run| codecs(run, kind));
            suite.once(&name("an_idempotent_producer"), |run| idempotent(run, kind));
            suite.once(&name("null_keys_and_values"), |run| nulls(run, kind));
            suite.once(&name("repeated_headers"), |run| repeated(run, kind));
            suite.once(&name("the_largest_records"), |run| large(run, kind));
            suite.once(&name("transactions"), |run| transactions(run, kind));
        });
    }
    suite.run(THREADS)
}

async fn start(run: &Scenario, kind: &'static Kind) -> Result<Box<dyn Client>> {
    let brokers = &run.stack().description.kafka_brokers;
    let client = client::start(kind, brokers).await;
    client.with_context(|| format!("{} doesn't start", kind.name))
}

/// A command of an account. Its answer has the same request id.
struct Command {
    request_id: String,
    record: Value,
}

impl Command {
    fn new(function: &str, account: &Account, args: &Value) -> Result<Self> {
        let operation = by_function(function).context("no such operation")?;
        let request_id = Uuid::new_v4().to_string();
        let event_id = Uuid::new_v4().to_string();
        let envelope = json!({"EventId": event_id, "Data": args.to_string()});
        let record = json!({
            "topic": operation.command.topic,
            "key": account.id,
            "value": envelope.to_string(),
            "headers": [
                [AUTHORIZATION, format!("Bearer {}", account.token)],
                [REQUEST_ID, request_id],
                [OPERATION, operation.command.keys[0]],
            ],
        });
        Ok(Self { request_id, record })
    }

    fn set(mut self, field: &str, value: Value) -> Self {
        self.record[field] = value;
        self
    }
}

/// A command that any account may send.
fn get_user(account: &Account) -> Result<Command> {
    Command::new("users-get", account, &json!({"user_id": account.id}))
}

/// Produces commands and returns their answers.
async fn call(
    client: &mut dyn Client,
    codec: &str,
    mode: Mode,
    commands: &[Command],
) -> Result<Vec<Answer>> {
    let request = Request {
        records: commands
            .iter()
            .map(|command| command.record.clone())
            .collect(),
        codec,
        mode,
        max: None,
    };
    if let Outcome::Refused(problem) = client.produce(&request).await? {
        anyhow::bail!("{codec}, {mode:?}: {problem}");
    }
    let mut answers = Vec::new();
    for command in commands {
        answers.push(client.answer(&command.request_id).await?);
    }
    Ok(answers)
}

fn is_user(answer: &Answer, account: &Account) -> Result<()> {
    answer.has_status(200)?;
    ensure!(answer.data["id"] == account.id.as_str(), "{}", answer.data);
    Ok(())
}

async fn codecs(run: Scenario, kind: &'static Kind) -> Result<()> {
    let account = run.account().await?;
    let mut client = start(&run, kind).await?;
    for codec in kind.codecs {
        let commands = [get_user(&account)?, get_user(&account)?];
        let answers = call(client.as_mut(), codec, Mode::Plain, &commands).await?;
        for answer in &answers {
            is_user(answer, &account).with_context(|| (*codec).to_owned())?;
        }
    }
    Ok(())
}

async fn idempotent(run: Scenario, kind: &'static Kind) -> Result<()> {
    let account = run.account().await?;
    let mut client = start(&run, kind).await?;
    let commands = [get_user(&account)?, get_user(&account)?];
    let answers = call(client.as_mut(), "none", Mode::Idempotent, &commands).await?;
    answers
        .iter()
        .try_for_each(|answer| is_user(answer, &account))
}

async fn nulls(run: Scenario, kind: &'static Kind) -> Result<()> {
    let account = run.account().await?;
    let mut client = start(&run, kind).await?;
    let no_key = get_user(&account)?.set("key", Value::Null);
    let [answer] = &call(client.as_mut(), "none", Mode::Plain, &[no_key]).await?[..] else {
        anyhow::bail!("not one answer");
    };
    is_user(answer, &account).context("a null key")?;
    // A null value is an empty request.
    let list = Command::new("pictures-list", &account, &json!({}))?.set("value", Value::Null);
    let [answer] = &call(client.as_mut(), "none", Mode::Plain, &[list]).await?[..] else {
        anyhow::bail!("not one answer");
    };
    answer.has_status(200).context("a null value")
}

async fn repeated(run: Scenario, kind: &'static Kind) -> Result<()> {
    let account = run.account().await?;
    let mut client = start(&run, kind).await?;
    let mut command = get_user(&account)?;
    let headers = command.record["headers"]
        .as_array_mut()
        .context("headers")?;
    headers.insert(0, json!([OPERATION, "deleteuser"]));
    headers.insert(0, json!([AUTHORIZATION, "Bearer not.a.token"]));
    let answers = call(client.as_mut(), "none", Mode::Plain, &[command]).await?;
    answers
        .iter()
        .try_for_each(|answer| is_user(answer, &account))
}

/// Whether a client needs an option for the largest records is what docs/kafka.md says of it.
async fn large(run: Scenario, kind: &'static Kind) -> Result<()> {
    let account = run.account().await?;
    let mut client = start(&run, kind).await?;
    let list = Command::new("pictures-list", &account, &json!({}))?;
    let text = list.record["value"].as_str().context("a value")?.to_owned();
    let padded = format!("{text}{}", " ".repeat(MAX_RECORD - FRAMING - text.len()));
    let list = list.set("value", padded.into());
    let request = |command: &Command, max| Request {
        records: vec![command.record.clone()],
        codec: "none",
        mode: Mode::Plain,
        max,
    };
    let by_default = client.produce(&request(&list, None)).await?;
    match (kind.option, by_default) {
        (Some(_), Outcome::Refused(_)) => {
            let outcome = client.produce(&request(&list, Some(MAX_RECORD))).await?;
            ensure!(matches!(outcome, Outcome::Produced), "{outcome:?}");
        }
        (None, Outcome::Produced) => {}
        (Some(option), Outcome::Produced) => {
            anyhow::bail!("{option} isn't needed: correct docs/kafka.md");
        }
        (None, Outcome::Refused(problem)) => anyhow::bail!("{problem}"),
    }
    let answer = client.answer(&list.request_id).await?;
    answer.has_status(200).context("8 MiB")?;

    // The largest picture, which its answer returns.
    let picture = Format::Jpeg.grown(MAX_PICTURE);
    let args = json!({"title": kind.name, "base64": picture.base64()});
    let create = Command::new("pictures-create", &account, &args)?;
    let max = kind.option.map(|_| MAX_RECORD);
    let outcome = client.produce(&request(&create, max)).await?;
    ensure!(matches!(outcome, Outcome::Produced), "{outcome:?}");
    let created = client.answer(&create.request_id).await?;
    created.has_status(201)?;
    let args = json!({"picture_id": created.data["id"]});
    let get = [Command::new("pictures-get", &account, &args)?];
    let [answer] = &call(client.as_mut(), "none", Mode::Plain, &get).await?[..] else {
        anyhow::bail!("not one answer");
    };
    answer.has_status(200)?;
    ensure!(
        answer.data["base64"] == picture.base64().as_str(),
        "another picture came back"
    );
    Ok(())
}

/// On a broker without transactions, they are refused at once.
async fn transactions(run: Scenario, kind: &'static Kind) -> Result<()> {
    let account = run.account().await?;
    let mut client = start(&run, kind).await?;
    if run.stack().kafka.transactions().await?.is_none() {
        let command = get_user(&account)?;
        let request = Request {
            records: vec![command.record],
            codec: "none",
            mode: Mode::Commit,
            max: None,
        };
        let begun = std::time::Instant::now();
        let outcome = client.produce(&request).await?;
        let took = begun.elapsed();
        ensure!(matches!(outcome, Outcome::Refused(_)), "{outcome:?}");
        ensure!(took < client::REFUSED_WITHIN, "refused after {took:?} only");
        return Ok(());
    }
    let commands = [get_user(&account)?, get_user(&account)?];
    let answers = call(client.as_mut(), "none", Mode::Commit, &commands).await?;
    answers
        .iter()
        .try_for_each(|answer| is_user(answer, &account))?;
    if kind.aborts {
        let aborted = get_user(&account)?;
        let request = Request {
            records: vec![aborted.record],
            codec: "none",
            mode: Mode::Abort,
            max: None,
        };
        let outcome = client.produce(&request).await?;
        ensure!(matches!(outcome, Outcome::Produced), "{outcome:?}");
        // The key is the same, so the partition is: an answer would come before this one's.
        let answers = call(client.as_mut(), "none", Mode::Plain, &[get_user(&account)?]).await?;
        answers
            .iter()
            .try_for_each(|answer| is_user(answer, &account))?;
        ensure!(
            !client.has_answer(&aborted.request_id).await?,
            "an aborted command was run"
        );
    }
    Ok(())
}

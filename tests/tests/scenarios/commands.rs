//! Commands over Kafka: how one names its operation and the topic for its answer, and the order in
//! which commands take effect.

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};
use tokio::time::Instant;
use trichrome_proto::{
    contract::{Operation, by_function},
    error::ErrorCode,
    wire::{
        header::AUTHORIZATION,
        record::{DEADLINE, OPERATION, REPLY_TO, answer_partition},
    },
};
use trichrome_tests::{
    account::{Account, PASSWORD, unused_name},
    clients::{
        kafka::{Kafka, PARTITIONS, Record},
        results::{Answer, Expected},
    },
    harness::Suite,
    images::Format,
    reply::{list, text},
    scenario::Scenario,
    token,
    transport::Transport,
    wait::SOON,
};
use uuid::Uuid;

use crate::events::{is_answer, is_failure};

pub(crate) fn add(suite: &mut Suite) {
    suite.once("commands::the_header_counts_before_the_key", header);
    suite.once("commands::the_last_of_a_repeated_header_counts", repeated);
    suite.once("commands::a_bad_header_is_named", bad_headers);
    suite.once("commands::a_signup_takes_effect_before_its_login", signups);
    suite.once("commands::a_delete_takes_effect_before_a_get", deletes);
    suite.once("commands::creates_keep_their_order", creates);
    suite.once("commands::answers_are_spread_by_event_id", spread);
    suite.once("commands::the_facade_spreads_commands_by_user", keyed);
    suite.once(
        "commands::an_answer_goes_to_the_topic_it_is_asked_to",
        reply_to,
    );
}

fn operation(function: &str) -> Result<&'static Operation> {
    by_function(function).with_context(|| format!("the contract has no {function}"))
}

/// A command of an account, which is its key.
fn command(function: &str, account: &Account, event_id: &str, args: &Value) -> Result<Record> {
    let record = Record::command(operation(function)?, &account.id, event_id, args);
    Ok(record.token(&account.token))
}

/// Produces commands in this order, without waiting in between, and returns their answers.
async fn batch(kafka: &Kafka, records: Vec<(String, Record)>) -> Result<Vec<Answer>> {
    let mut expected: Vec<Expected> = Vec::new();
    for (event_id, _) in &records {
        expected.push(kafka.expect(event_id));
    }
    let records: Vec<_> = records.into_iter().map(|(_, record)| record).collect();
    kafka.produce_all(&records).await?;
    let mut answers = Vec::new();
    for mut expected in expected {
        answers.push(expected.answer().await?);
    }
    Ok(answers)
}

fn event_id() -> String {
    Uuid::new_v4().to_string()
}

async fn one(kafka: &Kafka, event_id: &str, record: Record) -> Result<Answer> {
    let mut answers = batch(kafka, vec![(event_id.to_owned(), record)]).await?;
    answers.pop().context("no answer")
}

async fn header(run: Scenario) -> Result<()> {
    let account = run.account().await?;
    let kafka = &run.stack().kafka;
    let args = json!({"user_id": account.id});
    for key in ["", "deleteuser", &account.id, "\u{fffd}"] {
        let event_id = event_id();
        let get = Record::command(operation("users-get")?, key, &event_id, &args);
        let answer = one(kafka, &event_id, get.token(&account.token)).await?;
        is_answer(&answer, &event_id, 200).with_context(|| format!("key {key:?}"))?;
        ensure!(answer.data["id"] == account.id.as_str(), "{}", answer.data);
    }
    let letters = kafka.tail("users.dlq").await?;
    let event_id = event_id();
    let mut unknown = command("users-get", &account, &event_id, &args)?;
    unknown.key = b"getuser".to_vec();
    unknown
        .headers
        .push((OPERATION.to_owned(), b"getUsers".to_vec()));
    let value = unknown.value.clone();
    let answer = one(kafka, &event_id, unknown).await?;
    is_failure(&answer, &event_id, ErrorCode::NotFound)?;
    let message = text(&answer.data["error"], "message")?;
    ensure!(
        message.contains("\"operation\"") && message.contains("getUsers"),
        "{message}"
    );
    let letter = letters.wait_for(|record| record.value == value).await?;
    let reason = letter.headers.get("dlq-reason");
    ensure!(
        reason.is_some_and(|reason| reason == "unknown_operation"),
        "{reason:?}"
    );
    Ok(())
}

async fn repeated(run: Scenario) -> Result<()> {
    let (account, other) = (run.account().await?, run.account().await?);
    let kafka = &run.stack().kafka;
    let list = json!({});
    let send = async |headers: &[(&str, String)]| {
        let event_id = event_id();
        let mut record = Record::command(operation("pictures-list")?, "", &event_id, &list);
        record.headers.clear();
        for (name, value) in headers {
            record = record.header(name, value);
        }
        one(kafka, &event_id, record).await
    };
    let bearer = |account: &Account| ("Authorization", format!("Bearer {}", account.token));
    let (first, last) = ("createpicture".to_owned(), "getpictures".to_owned());
    let answer = send(&[
        ("authorization", "Bearer not.a.token".to_owned()),
        bearer(&account),
        (OPERATION, first),
        (OPERATION, last.clone()),
        (DEADLINE, "0".to_owned()),
        (DEADLINE, u64::MAX.to_string()),
    ])
    .await?;
    ensure!(answer.status()? == 200, "{}", answer.data);
    let wrong = ("authorization", "Bearer not.a.token".to_owned());
    let answer = send(&[bearer(&other), wrong, (OPERATION, last)]).await?;
    ensure!(answer.status()? == 401, "{}", answer.data);
    Ok(())
}

async fn bad_headers(run: Scenario) -> Result<()> {
    let account = run.account().await?;
    let kafka = &run.stack().kafka;
    let args = json!({"user_id": account.id});
    let bearer = format!("Bearer {}", account.token);
    for (name, value, code, cause) in [
        (
            "authorization",
            format!("{bearer}\r\n"),
            ErrorCode::Unauthenticated,
            "without line breaks",
        ),
        (
            "authorization",
            account.token.clone(),
            ErrorCode::Unauthenticated,
            "`Bearer <token>`",
        ),
        (
            DEADLINE,
            "2026-01-31T12:00:00Z".to_owned(),
            ErrorCode::InvalidArgument,
            "Unix milliseconds",
        ),
        (
            "idempotency-key",
            "two words".to_owned(),
            ErrorCode::InvalidArgument,
            "idempotency-key",
        ),
    ] {
        let event_id = event_id();
        let record = command("users-get", &account, &event_id, &args)?.header(name, &value);
        let answer = one(kafka, &event_id, record).await?;
        is_failure(&answer, &event_id, code).with_context(|| name.to_owned())?;
        let message = text(&answer.data["error"], "message")?;
        ensure!(message.contains(cause), "{name}: {message}");
    }
    Ok(())
}

/// The number of users who sign up and log in, all in one batch.
const USERS: usize = 50;

async fn signups(run: Scenario) -> Result<()> {
    let kafka = &run.stack().kafka;
    let (signup, login) = (operation("auth-signup")?, operation("auth-login")?);
    let mut records = Vec::new();
    for _ in 0..USERS {
        let username = unused_name();
        let args = json!({"username": username, "password": PASSWORD});
        for operation in [signup, login] {
            let event_id = event_id();
            let record = Record::command(operation, &username, &event_id, &args);
            records.push((event_id, record));
        }
    }
    let answers = batch(kafka, records).await?;
    let mut failed = Vec::new();
    for pair in answers.chunks(2) {
        for answer in pair {
            match answer.data["access_token"].as_str() {
                Some(token) => run.adopt(&token::subject(token)?),
                None => failed.push(answer.data.clone()),
            }
        }
    }
    ensure!(
        failed.is_empty(),
        "{} of {USERS} failed: {}",
        failed.len(),
        failed[0]
    );
    Ok(())
}

async fn deletes(run: Scenario) -> Result<()> {
    const PICTURES: usize = 30;
    let account = run.account().await?;
    let kafka = &run.stack().kafka;
    let args = json!({"title": "short-lived", "base64": Format::Png.tiny().base64()});
    let mut records = Vec::new();
    for _ in 0..PICTURES {
        let event_id = event_id();
        let record = command("pictures-create", &account, &event_id, &args)?;
        records.push((event_id, record));
    }
    let mut records_of_ids = Vec::new();
    for created in batch(kafka, records).await? {
        let args = json!({"picture_id": text(&created.data, "id")?});
        for function in ["pictures-delete", "pictures-get"] {
            let event_id = event_id();
            let record = command(function, &account, &event_id, &args)?;
            records_of_ids.push((event_id, record));
        }
    }
    let answers = batch(kafka, records_of_ids).await?;
    let mut found = 0;
    for pair in answers.chunks(2) {
        ensure!(pair[0].status()? == 204, "{}", pair[0].data);
        found += usize::from(pair[1].status()? != 404);
    }
    ensure!(
        found == 0,
        "{found} of {PICTURES} were found after their deletion"
    );
    Ok(())
}

async fn creates(run: Scenario) -> Result<()> {
    const PICTURES: usize = 60;
    let account = run.account().await?;
    let kafka = &run.stack().kafka;
    let base64 = Format::Png.tiny().base64();
    let titles: Vec<_> = (0..PICTURES).map(|n| format!("number {n}")).collect();
    let mut records = Vec::new();
    for title in &titles {
        let event_id = event_id();
        let args = json!({"title": title, "base64": base64});
        let record = command("pictures-create", &account, &event_id, &args)?;
        records.push((event_id, record));
    }
    for answer in batch(kafka, records).await? {
        ensure!(answer.status()? == 201, "{}", answer.data);
    }
    let call = run.call_over(Transport::Rest, "pictures-list", json!({"limit": PICTURES}))?;
    let listed = call.by(&account).send().await?.ok()?;
    // The newest first.
    let mut listed: Vec<_> = list(&listed, "pictures")?
        .iter()
        .map(|picture| text(picture, "title").map(str::to_owned))
        .collect::<Result<_>>()?;
    listed.reverse();
    ensure!(listed == titles, "created in another order: {listed:?}");
    Ok(())
}

async fn spread(run: Scenario) -> Result<()> {
    let account = run.account().await?;
    let kafka = &run.stack().kafka;
    let args = json!({"user_id": account.id});
    let mut records = Vec::new();
    for _ in 0..40 {
        let event_id = event_id();
        let record = command("users-get", &account, &event_id, &args)?;
        records.push((event_id, record));
    }
    let mut used = std::collections::BTreeSet::new();
    for answer in batch(kafka, records).await? {
        let partition = answer_partition(&answer.event_id, PARTITIONS.unsigned_abs());
        ensure!(
            answer.partition.unsigned_abs() == partition,
            "the answer to {} is in partition {}",
            answer.event_id,
            answer.partition
        );
        used.insert(partition);
    }
    ensure!(used.len() == 3, "only the partitions {used:?} have answers");
    Ok(())
}

async fn keyed(run: Scenario) -> Result<()> {
    let kafka = &run.stack().kafka;
    let commands = kafka.tail("users").await?;
    let mut partitions = std::collections::BTreeSet::new();
    let started = Instant::now();
    while partitions.len() < 2 {
        ensure!(
            started.elapsed() < SOON,
            "all commands are in {partitions:?}"
        );
        let account = run.account().await?;
        let authorization = format!("Bearer {}", account.token);
        let mut own = None;
        // Two operations of one user, which share a partition.
        for (function, args, name) in [
            ("users-get", json!({"user_id": account.id}), "getuser"),
            (
                "users-get-by-username",
                json!({"username": account.username}),
                "getuserbyusername",
            ),
        ] {
            let call = run.call_over(Transport::FacadeEvents, function, args)?;
            call.by(&account).send().await?.ok()?;
            let sent = commands
                .wait_for(|record| record.headers.get(AUTHORIZATION) == Some(&authorization))
                .await?;
            // Until 0.3, for gateways of version 0.1.
            ensure!(sent.key == name.as_bytes(), "{:?}", sent.key);
            let named = sent.headers.get(OPERATION);
            ensure!(named.is_some_and(|named| named == name), "{named:?}");
            let deadline = sent.headers.get(DEADLINE).context("no deadline")?;
            ensure!(deadline.parse::<u64>().is_ok(), "{deadline}");
            // Where a client's command with the user's id as its key is.
            let expected = answer_partition(&account.id, PARTITIONS.unsigned_abs());
            ensure!(
                sent.partition.unsigned_abs() == expected,
                "partition {} instead of {expected}",
                sent.partition
            );
            own = Some(sent.partition);
        }
        partitions.extend(own);
    }
    Ok(())
}

async fn reply_to(run: Scenario) -> Result<()> {
    let account = run.account().await?;
    let kafka = &run.stack().kafka;
    let topic = format!("results.e2e-{}", Uuid::new_v4().simple());
    kafka.create_topic(&topic).await?;
    let outcome = answers_on(&run, &account, &topic).await;
    kafka.delete_topic(&topic).await?;
    outcome?;

    let letters = kafka.tail("users.dlq").await?;
    let args = json!({"user_id": account.id});
    for (topic, cause) in [
        ("auth", "begins with results."),
        ("results.", "begins with results."),
        ("results.e2e-none", "doesn't exist"),
    ] {
        let event_id = event_id();
        let record = command("users-get", &account, &event_id, &args)?.header(REPLY_TO, topic);
        let value = record.value.clone();
        let answer = one(kafka, &event_id, record).await?;
        is_failure(&answer, &event_id, ErrorCode::InvalidArgument)?;
        let message = text(&answer.data["error"], "message")?;
        ensure!(message.contains(cause), "{topic}: {message}");
        let letter = letters.wait_for(|record| record.value == value).await?;
        let reason = letter.headers.get("dlq-reason");
        ensure!(
            reason.is_some_and(|reason| reason == "invalid_header"),
            "{reason:?}"
        );
    }
    Ok(())
}

async fn answers_on(run: &Scenario, account: &Account, topic: &str) -> Result<()> {
    let kafka = &run.stack().kafka;
    let answers = kafka.tail(topic).await?;
    for (user_id, status) in [(account.id.as_str(), "200"), ("not-a-uuid", "400")] {
        let event_id = event_id();
        let mut on_results = kafka.expect(&event_id);
        let record = command(
            "users-get",
            account,
            &event_id,
            &json!({"user_id": user_id}),
        )?;
        kafka.produce(&record.header(REPLY_TO, topic)).await?;
        let answer = answers
            .wait_for(|answer| answer.headers.get("event-id") == Some(&event_id))
            .await?;
        ensure!(answer.key == b"response", "{:?}", answer.key);
        let got = answer.headers.get("status");
        ensure!(got.is_some_and(|got| got == status), "{got:?}");
        let partition = answer_partition(&event_id, PARTITIONS.unsigned_abs());
        ensure!(answer.partition.unsigned_abs() == partition, "{answer:?}");
        let other = on_results
            .another(std::time::Duration::from_millis(500))
            .await;
        ensure!(other.is_none(), "also on results: {other:?}");
    }
    Ok(())
}

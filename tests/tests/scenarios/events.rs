//! Kafka records: both forms of commands, replies, dead letters, and the trigger.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context as _, Result, ensure};
use futures::future::try_join;
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};
use trichrome_proto::{contract::OPERATIONS, error::ErrorCode, wire::header::REQUEST_ID};
use trichrome_tests::{
    account::PASSWORD,
    call_logs,
    clients::{
        kafka::{Kafka, PARTITIONS, Record, envelope},
        results::Answer,
    },
    harness::Suite,
    images::Format,
    reply::{list, text},
    samples::{Subject, good},
    scenario::Scenario,
    stored::Amount,
    token,
    transport::Transport,
    wait::SOON,
};
use uuid::Uuid;

pub(crate) fn add(suite: &mut Suite) {
    suite.once(
        "events::the_reply_to_a_bare_command_names_its_position",
        bare,
    );
    suite.once(
        "events::every_key_names_its_operation_in_both_forms",
        both_forms,
    );
    suite.once("events::failures_are_reported_with_their_status", failures);
    suite.once(
        "events::a_command_delivered_twice_has_one_effect",
        delivered_twice,
    );
    suite.once(
        "events::garbage_is_dead_lettered_and_the_next_is_handled",
        garbage,
    );
    suite.once("events::an_unknown_key_is_dead_lettered", unknown_keys);
    suite.once("events::a_dead_letter_has_no_token", no_token_in_letters);
    suite.once("events::every_codec_is_read", codecs);
    suite.once("events::a_command_past_its_deadline_is_not_run", expired);
    suite.once("events::call_logs_are_ingested_once", ingested);
    suite.once(
        "events::garbage_does_not_block_call_logs",
        ingested_with_garbage,
    );
}

/// Checks that a reply has the documented form.
pub(crate) fn is_answer(answer: &Answer, event_id: &str, status: u16) -> Result<()> {
    ensure!(answer.key == "response", "the key is {:?}", answer.key);
    ensure!(
        answer.event_id == event_id,
        "the reply is to {}",
        answer.event_id
    );
    let got = answer.status()?;
    ensure!(got == status, "the status is {got}: {}", answer.data);
    Ok(())
}

/// Checks that a reply is this failure.
pub(crate) fn is_failure(answer: &Answer, event_id: &str, code: ErrorCode) -> Result<()> {
    is_answer(answer, event_id, code.http())?;
    let error = &answer.data["error"];
    ensure!(
        error["code"] == code.as_str(),
        "the failure is {}",
        answer.data
    );
    ensure!(
        !text(error, "message")?.is_empty(),
        "no message: {}",
        answer.data
    );
    ensure!(
        !text(error, "request_id")?.is_empty(),
        "no request id: {}",
        answer.data
    );
    Ok(())
}

/// Sends a command with or without an envelope; returns its EventId and its reply.
async fn send(
    kafka: &Kafka,
    record: &Record,
    args: &Value,
    enveloped: bool,
) -> Result<(String, Answer)> {
    if !enveloped {
        return kafka.bare(record).await;
    }
    let event_id = Uuid::new_v4().to_string();
    let mut expected = kafka.expect(&event_id);
    let record = Record {
        value: Some(envelope(&event_id, args).into_bytes()),
        ..record.clone()
    };
    kafka.produce(&record).await?;
    Ok((event_id, expected.answer().await?))
}

/// The example in the README: `login:{"username":…}`.
async fn bare(run: Scenario) -> Result<()> {
    let account = run.account().await?;
    let login = json!({"username": account.username, "password": account.password});
    let record = Record::new("auth", "login", login.to_string());
    let (event_id, answer) = run.stack().kafka.bare(&record).await?;
    is_answer(&answer, &event_id, 200)?;
    let subject = token::subject(text(&answer.data, "access_token")?)?;
    ensure!(subject == account.id, "logged in as {subject}");
    Ok(())
}

async fn both_forms(run: Scenario) -> Result<()> {
    let kafka = &run.stack().kafka;
    for operation in OPERATIONS {
        for key in operation.command.keys {
            for enveloped in [false, true] {
                let account = run.account().await?;
                let args = json!({"title": "t", "base64": Format::Png.tiny().base64()});
                let created = run
                    .call("pictures-create", args)?
                    .by(&account)
                    .send()
                    .await?
                    .ok()?;
                let picture_id = text(&created, "id")?;
                let subject = Subject {
                    account: &account,
                    picture_id,
                };
                let args = Value::Object(good(operation, &subject)?);
                let topic = operation.command.topic;
                let record = Record::new(topic, key, args.to_string()).token(&account.token);
                // Another scenario exhausts the rate limit.
                let until = Instant::now() + SOON;
                let (event_id, answer) = loop {
                    let (event_id, answer) = send(kafka, &record, &args, enveloped).await?;
                    let limited = operation.rate_limit > 0
                        && answer.status()? == ErrorCode::ResourceExhausted.http()
                        && Instant::now() < until;
                    if !limited {
                        break (event_id, answer);
                    }
                    sleep(Duration::from_millis(100)).await;
                };
                is_answer(&answer, &event_id, operation.http.success)
                    .with_context(|| format!("{topic}:{key}, enveloped: {enveloped}"))?;
                if let Some(token) = answer.data["access_token"].as_str() {
                    run.adopt(&token::subject(token)?);
                } else if operation.function == "users-create" {
                    run.adopt(text(&answer.data, "id")?);
                }
            }
        }
    }
    Ok(())
}

async fn failures(run: Scenario) -> Result<()> {
    let account = run.account().await?;
    let stack = run.stack();
    let login = json!({"username": account.username, "password": "wrong password"});
    let picture = json!({"picture_id": Uuid::new_v4().to_string()});
    for (topic, key, args, token, code) in [
        ("auth", "login", &login, None, ErrorCode::Unauthenticated),
        (
            "pictures",
            "getpicture",
            &picture,
            None,
            ErrorCode::Unauthenticated,
        ),
        (
            "pictures",
            "getpicture",
            &picture,
            Some(&account.token),
            ErrorCode::NotFound,
        ),
        (
            "pictures",
            "getpicture",
            &json!({}),
            Some(&account.token),
            ErrorCode::InvalidArgument,
        ),
        (
            "users",
            "createuser",
            &json!({"username": 7}),
            None,
            ErrorCode::InvalidArgument,
        ),
    ] {
        for enveloped in [false, true] {
            let request_id = Uuid::new_v4().to_string();
            let mut record = Record::new(topic, key, args.to_string());
            record = record.header(REQUEST_ID, &request_id);
            if let Some(token) = token {
                record = record.token(token);
            }
            let (event_id, answer) = send(&stack.kafka, &record, args, enveloped).await?;
            is_failure(&answer, &event_id, code).with_context(|| format!("{topic}:{key}"))?;
            let named = &answer.data["error"]["request_id"];
            ensure!(
                *named == request_id.as_str(),
                "{topic}:{key}: the request id is {named}"
            );
        }
    }
    Ok(())
}

async fn delivered_twice(run: Scenario) -> Result<()> {
    let account = run.account().await?;
    let stack = run.stack();
    let event_id = Uuid::new_v4().to_string();
    let args = json!({"title": "once", "base64": Format::Png.tiny().base64()});
    let value = envelope(&event_id, &args);
    let record = Record::new("pictures", "createpicture", value).token(&account.token);
    let mut expected = stack.kafka.expect(&event_id);
    try_join(stack.kafka.produce(&record), stack.kafka.produce(&record)).await?;
    let mut ids = Vec::new();
    for _ in 0..2 {
        let answer = expected.answer().await?;
        is_answer(&answer, &event_id, 201)?;
        ids.push(text(&answer.data, "id")?.to_owned());
    }
    ensure!(ids[0] == ids[1], "two pictures: {ids:?}");
    let listed = run
        .call("pictures-list", json!({}))?
        .by(&account)
        .send()
        .await?
        .ok()?;
    ensure!(list(&listed, "pictures")?.len() == 1, "listed: {listed}");
    let one = Amount {
        objects: 1,
        rows: 1,
        keys: 1,
    };
    stack.stored.holds(&account.id, one).await?;
    let third = expected.another(Duration::from_secs(2)).await;
    ensure!(third.is_none(), "a third reply: {third:?}");

    // The same for a signup.
    let event_id = Uuid::new_v4().to_string();
    let args = json!({"username": format!("e2e-{event_id}"), "password": PASSWORD});
    let record = Record::new("auth", "signup", envelope(&event_id, &args));
    let mut expected = stack.kafka.expect(&event_id);
    try_join(stack.kafka.produce(&record), stack.kafka.produce(&record)).await?;
    let mut ids = Vec::new();
    for _ in 0..2 {
        let answer = expected.answer().await?;
        is_answer(&answer, &event_id, 201)?;
        ids.push(token::subject(text(&answer.data, "access_token")?)?);
        run.adopt(&ids[0]);
    }
    ensure!(ids[0] == ids[1], "two users: {ids:?}");
    Ok(())
}

async fn garbage(run: Scenario) -> Result<()> {
    let account = run.account().await?;
    let kafka = &run.stack().kafka;
    let letters = kafka.tail("users.dlq").await?;
    let mark = Uuid::new_v4().to_string();
    let bad: [Vec<u8>; 7] = [
        format!("not json {mark}").into_bytes(),
        format!("[\"{mark}\"]").into_bytes(),
        [b"\xFF\xFE\x00".as_slice(), mark.as_bytes()].concat(),
        format!("{{\"EventId\":7,\"Data\":\"{mark}\"}}").into_bytes(),
        format!("{{\"EventId\":\"two words\",\"Data\":\"{mark}\"}}").into_bytes(),
        format!("{{\"EventId\":\"{mark}\",\"Data\":\"{{\"}}").into_bytes(),
        format!("{{\"EventId\":\"{mark}\",\"Data\":\"[]\"}}").into_bytes(),
    ];
    for value in bad {
        let what = String::from_utf8_lossy(&value).into_owned();
        // The reply has either the envelope's EventId or the record's position.
        let mut by_mark = kafka.expect(&mark);
        let record = Record::new("users", "getuser", value.clone());
        let place = kafka.produce(&record).await?;
        let mut by_position = kafka.expect(&place.event_id);
        let answer = tokio::select! {
            answer = by_mark.answer() => answer?,
            answer = by_position.answer() => answer?,
        };
        let id = answer.event_id.clone();
        is_failure(&answer, &id, ErrorCode::InvalidArgument).with_context(|| what.clone())?;

        let letter = letters
            .wait_for(|record| record.value.as_ref() == Some(&value))
            .await
            .context(what)?;
        ensure!(
            letter.key == b"getuser",
            "the letter's key is {:?}",
            letter.key
        );
        for (name, expected) in [
            ("dlq-reason", "unparsable"),
            ("dlq-error-code", "INVALID_ARGUMENT"),
            ("dlq-topic", "users"),
            ("dlq-partition", &place.partition.to_string()),
            ("dlq-offset", &place.offset.to_string()),
        ] {
            let got = letter.headers.get(name);
            ensure!(got.is_some_and(|got| got == expected), "{name}: {got:?}");
        }
        let message = letter.headers.get("dlq-error-message");
        ensure!(
            message.is_some_and(|message| !message.is_empty()),
            "no message"
        );

        let next = json!({"user_id": account.id});
        let next = Record::new("users", "getuser", next.to_string()).token(&account.token);
        let (event_id, answer) = kafka.bare(&next).await?;
        is_answer(&answer, &event_id, 200).context("the next command")?;
    }
    Ok(())
}

async fn unknown_keys(run: Scenario) -> Result<()> {
    let kafka = &run.stack().kafka;
    let letters = kafka.tail("pictures.dlq").await?;
    for (key, cause) in [
        ("paintpicture", "it has"),
        ("login", "on topic auth"),
        ("GETPICTURE", "its name is getpicture"),
        ("\"getpicture\"", "without quotes"),
        ("getpicture\r", "without white space"),
        ("\0\0\0\0\u{7}getpicture", "schema registry"),
        ("", "names no operation"),
    ] {
        let value = json!({"picture_id": Uuid::new_v4().to_string()}).to_string();
        let record = Record::new("pictures", key, value.clone());
        let (event_id, answer) = kafka.bare(&record).await?;
        is_failure(&answer, &event_id, ErrorCode::NotFound).with_context(|| key.to_owned())?;
        let message = text(&answer.data["error"], "message")?;
        ensure!(message.contains(cause), "{key:?}: {message}");
        let letter = letters
            .wait_for(|record| record.value.as_deref() == Some(value.as_bytes()))
            .await?;
        let reason = letter.headers.get("dlq-reason");
        ensure!(
            reason.is_some_and(|reason| reason == "unknown_operation"),
            "{reason:?}"
        );
    }
    Ok(())
}

async fn no_token_in_letters(run: Scenario) -> Result<()> {
    let account = run.account().await?;
    let kafka = &run.stack().kafka;
    let letters = kafka.tail("pictures.dlq").await?;
    let value = format!("garbage {}", Uuid::new_v4());
    let record = Record::new("pictures", "getpicture", value.clone())
        .token(&account.token)
        .header("x-own", "kept");
    kafka.bare(&record).await?;
    let letter = letters
        .wait_for(|record| record.value.as_deref() == Some(value.as_bytes()))
        .await?;
    ensure!(
        letter.headers.get("x-own").is_some_and(|own| own == "kept"),
        "{:?}",
        letter.headers
    );
    let token = letter
        .headers
        .values()
        .find(|value| value.contains(&account.token));
    ensure!(token.is_none(), "the letter contains the caller's token");
    Ok(())
}

async fn codecs(run: Scenario) -> Result<()> {
    let account = run.account().await?;
    let stack = run.stack();
    let kafka = &stack.kafka;
    for codec in ["gzip", "snappy", "lz4", "zstd"] {
        // librdkafka leaves a batch as it is if compressing it saves nothing.
        let padding = "0".repeat(20_000);
        for partition in 0..PARTITIONS {
            let value = json!({"user_id": account.id}).to_string();
            let record = Record::new("users", "getuser", value)
                .token(&account.token)
                .header("padding", &padding)
                .partition(partition);
            let place = kafka.produce_compressed(&record, codec).await?;
            let answer = kafka.expect(&place.event_id).answer().await;
            let answer = answer.with_context(|| format!("a command, {codec}"))?;
            is_answer(&answer, &place.event_id, 200)?;

            let trace = Uuid::new_v4();
            let record = call_logs::record(trace, Uuid::new_v4())
                .header("padding", &padding)
                .partition(partition);
            kafka.produce_compressed(&record, codec).await?;
            let logged = call_logs::one(&stack.postgres, trace).await;
            logged.with_context(|| format!("a call log, {codec}"))?;

            // An answer that no call waits for.
            let value = envelope(&Uuid::new_v4().to_string(), &json!({}));
            let record = Record::new("results", "response", value)
                .header("padding", &padding)
                .partition(partition);
            kafka.produce_compressed(&record, codec).await?;
            let call = run.call_over(
                Transport::FacadeEvents,
                "users-get",
                json!({"user_id": account.id}),
            )?;
            let answered = call.by(&account).send().await?.ok();
            answered.with_context(|| format!("an answer, {codec}"))?;
        }
    }
    Ok(())
}

async fn expired(run: Scenario) -> Result<()> {
    let account = run.account().await?;
    let stack = run.stack();
    let unix = SystemTime::now().duration_since(UNIX_EPOCH)?.as_millis();
    let create = async |deadline: u128| {
        let event_id = Uuid::new_v4().to_string();
        let args = json!({"title": "late", "base64": Format::Png.tiny().base64()});
        let record = Record::new("pictures", "createpicture", envelope(&event_id, &args))
            .token(&account.token)
            .header("deadline", &deadline.to_string());
        let mut expected = stack.kafka.expect(&event_id);
        stack.kafka.produce(&record).await?;
        Ok::<_, anyhow::Error>((event_id, expected.answer().await?))
    };
    let (event_id, answer) = create(unix - 1).await?;
    is_failure(&answer, &event_id, ErrorCode::DeadlineExceeded)?;
    stack.stored.holds(&account.id, Amount::NOTHING).await?;
    let (event_id, answer) = create(unix + 60_000).await?;
    is_answer(&answer, &event_id, 201)
}

async fn ingested(run: Scenario) -> Result<()> {
    let stack = run.stack();
    let (trace, id) = (Uuid::new_v4(), Uuid::new_v4());
    let record = call_logs::record(trace, id);
    for _ in 0..3 {
        stack.kafka.produce(&record).await?;
    }
    let logged = call_logs::one(&stack.postgres, trace).await?;
    ensure!(
        logged.service == "tests" && logged.status == 200,
        "{logged:?}"
    );
    // Records with the same key are in the same partition, so once this one has been ingested, the
    // earlier ones have been too.
    let behind = Uuid::new_v4();
    let last = Record {
        key: record.key,
        ..call_logs::record(behind, Uuid::new_v4())
    };
    stack.kafka.produce(&last).await?;
    call_logs::one(&stack.postgres, behind).await?;
    call_logs::one(&stack.postgres, trace).await?;
    Ok(())
}

async fn ingested_with_garbage(run: Scenario) -> Result<()> {
    let stack = run.stack();
    let letters = stack.kafka.tail("analyticsdata.dlq").await?;
    let mut traces = Vec::new();
    let mut garbage = Vec::new();
    for _ in 0..3 {
        let trace = Uuid::new_v4();
        let mut bad = call_logs::record(trace, Uuid::new_v4());
        bad.value = Some(format!("not json {trace}").into_bytes());
        stack.kafka.produce(&bad).await?;
        garbage.push(bad.value);
        stack
            .kafka
            .produce(&call_logs::record(trace, Uuid::new_v4()))
            .await?;
        traces.push(trace);
    }
    call_logs::all(&stack.postgres, &traces, SOON).await?;
    letters
        .wait_for(|record| garbage.contains(&record.value))
        .await?;
    Ok(())
}

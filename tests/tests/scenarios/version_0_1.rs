//! What version 0.1 stored and sent, as recorded from it. Until version 0.3 it may meet this
//! version: `cargo xtask verify upgrade` runs both.

use std::{fs, path::Path};

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};
use trichrome_tests::{
    account::{Account, PASSWORD},
    call_logs,
    harness::Suite,
    images::Format,
    reply::text,
    scenario::Scenario,
    stack::Description,
    token,
    transport::Transport,
};
use uuid::Uuid;

/// A recorded file.
fn recorded(name: &str) -> Result<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/0.1");
    Ok(fs::read_to_string(folder.join(name))?)
}

pub(crate) fn add(suite: &mut Suite) {
    suite.over(
        &[Transport::Rest, Transport::Grpc, Transport::Kafka],
        "version_0_1::a_stored_user_logs_in",
        log_in,
    );
    let local = Description::read().is_ok_and(|stack| !stack.is_deployed());
    suite.given(
        local,
        "deployed functions take signed calls only",
        |suite| {
            suite.once("version_0_1::the_gateways_event_is_served", event);
            suite.once("version_0_1::a_call_log_is_taken_over", call_log);
        },
    );
}

/// A user whose items have the hash of the password of all tests.
async fn log_in(run: Scenario) -> Result<()> {
    let stored = &run.stack().stored;
    let (id, username) = stored.store_user_as_before(&recorded("user.json")?).await?;
    run.adopt(&id);
    let args = json!({"username": username, "password": PASSWORD});
    let answer = run.call("auth-login", args)?.send().await?.ok()?;
    let issued = text(&answer, "access_token")?;
    ensure!(token::subject(issued)? == id, "another user");
    let args = json!({"user_id": id});
    for token in [issued, run.stack().signer.token(&id)?.as_str()] {
        let call = run.call("users-get", args.clone())?.token(token);
        let user = call.send().await?.ok()?;
        ensure!(user["username"] == username.as_str(), "{user}");
    }
    Ok(())
}

/// The gateway's event of a picture that a gRPC client creates.
async fn event(run: Scenario) -> Result<()> {
    let account: Account = run.account().await?;
    let mut event: Value = serde_json::from_str(&recorded("create.json")?)?;
    event["headers"]["authorization"] = json!(format!("Bearer {}", account.token));
    let answer = invoke(&run, "pictures-create", &event).await?;
    ensure!(answer["statusCode"] == 201, "{answer}");
    // For the gateway's call log.
    ensure!(
        answer["headers"]["trichrome-user-id"] == account.id.as_str(),
        "{answer}"
    );
    let created: Value = serde_json::from_str(text(&answer, "body")?)?;
    let args = json!({"picture_id": created["id"]});
    let read = run.call("pictures-get", args)?.by(&account);
    let read = read.send().await?.ok()?;
    ensure!(read["title"] == "recorded", "{}", read["title"]);
    ensure!(read["base64"] == Format::Png.tiny().base64(), "other bytes");
    Ok(())
}

/// A function's event with the log of a REST call.
async fn call_log(run: Scenario) -> Result<()> {
    let (trace, id) = (Uuid::new_v4(), Uuid::now_v7());
    let mut event: Value = serde_json::from_str(&recorded("call-log.json")?)?;
    let mut entry: Value = serde_json::from_str(text(&event, "body")?)?;
    entry["trace_id"] = json!(trace.simple().to_string());
    entry["id"] = json!(id.to_string());
    entry["at"] = json!(prost_types::Timestamp::from(std::time::SystemTime::now()).to_string());
    event["body"] = json!(entry.to_string());
    let answer = invoke(&run, "analytics-log", &event).await?;
    ensure!(answer["statusCode"] == 204, "{answer}");
    let logged = call_logs::one(&run.stack().postgres, trace).await?;
    ensure!(
        (logged.transport.as_str(), logged.method.as_str()) == ("rest", "GetUserData"),
        "{logged:?}"
    );
    Ok(())
}

/// Invokes a function, and returns its answer.
async fn invoke(run: &Scenario, function: &str, event: &Value) -> Result<Value> {
    let stack = run.stack();
    let endpoint = &stack.description.lambda_endpoint;
    let url = format!("{endpoint}/2015-03-31/functions/{function}/invocations");
    let answer = stack
        .http
        .send("POST", &url, &[], event.to_string())
        .await?;
    ensure!(
        answer.status == 200,
        "{}: {}",
        answer.status,
        answer.start()
    );
    answer.json().context("no answer")
}

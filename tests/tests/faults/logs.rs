//! No log contains a secret: neither those of earlier tests nor those of these calls.

use anyhow::{Context as _, Result, ensure};
use serde_json::json;
use trichrome_tests::{
    account::PASSWORD,
    harness::Suite,
    images::Format,
    logs::{leaks, mention},
    scenario::Scenario,
    transport::Transport,
    wait::{SOON, eventually},
};
use uuid::Uuid;

pub(crate) fn add(suite: &mut Suite) {
    suite.once("faults::no_secret_is_in_any_log", no_secret);
}

/// A password used only here.
const WRONG: &str = "wrong pony battery staple";

async fn no_secret(run: Scenario) -> Result<()> {
    let logs = &run.stack().description.logs;
    let account = run.account().await?;
    let picture = Format::Png.photo().base64();
    let mut traces = Vec::new();
    for transport in Transport::ALL {
        // A successful call, one with an invalid token, one with a wrong password, and one with an
        // invalid field.
        let create = json!({"title": "private", "base64": picture});
        let login = json!({"username": account.username, "password": WRONG});
        let broken = json!({"username": account.username, "password": "short"});
        for (function, args, token, status) in [
            (
                "pictures-create",
                create.clone(),
                account.token.clone(),
                201,
            ),
            (
                "pictures-create",
                create,
                format!("{}x", account.token),
                401,
            ),
            ("auth-login", login, account.token.clone(), 401),
            ("users-create", broken, account.token.clone(), 400),
        ] {
            let trace = Uuid::new_v4();
            let call = run.call_over(transport, function, args)?;
            let reply = call.token(&token).trace(trace).send().await?;
            ensure!(
                reply.status == status,
                "{function} over {transport}: {}",
                reply.status
            );
            if function == "pictures-create" {
                traces.push(trace.simple().to_string());
            }
        }
    }
    // Makes sure that the calls have been logged.
    eventually(SOON, async || {
        for trace in &traces {
            ensure!(mention(logs, trace)?, "no log mentions trace {trace}");
        }
        Ok(())
    })
    .await?;

    let signature = account.token.rsplit('.').next().context("a token")?;
    let middle = picture.get(200..264).context("a picture of some size")?;
    let leaks = leaks(
        logs,
        &[
            ("the password", PASSWORD),
            ("a wrong password", WRONG),
            ("a token's signature", signature),
            ("a picture's text", middle),
        ],
    )?;
    ensure!(leaks.is_empty(), "{leaks:#?}");
    Ok(())
}

//! Changing a password and logging out everywhere.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};
use trichrome_proto::error::ErrorCode;
use trichrome_tests::{
    account::{Account, NEW_PASSWORD},
    harness::Suite,
    reply::{Reply, text},
    scenario::Scenario,
    token,
    wait::eventually,
};
use uuid::Uuid;

pub(crate) fn add(suite: &mut Suite) {
    suite.each(
        "revocation::revoked_tokens_are_refused_within_a_minute",
        revoked,
    );
    suite.each(
        "revocation::a_password_is_changed_only_with_the_current_one",
        checked,
    );
    suite.each("revocation::a_repeated_call_has_the_same_result", repeated);
    suite.each("revocation::another_users_tokens_stay", anothers);
}

/// How soon a token must be refused.
const MINUTE: Duration = Duration::from_secs(60);

/// More calls than a function has processes, each of which may know the user.
const CALLS: usize = 8;

async fn list(run: &Scenario, token: &str) -> Result<Reply> {
    run.call("pictures-list", json!({}))?
        .token(token)
        .send()
        .await
}

async fn login(run: &Scenario, account: &Account, password: &str) -> Result<Reply> {
    let args = json!({"username": account.username, "password": password});
    run.call("auth-login", args)?.send().await
}

fn passwords(current: &str, new: &str) -> Value {
    json!({"current_password": current, "new_password": new})
}

async fn change(run: &Scenario, account: &Account) -> Result<String> {
    let args = passwords(&account.password, NEW_PASSWORD);
    let call = run.call("auth-change-password", args)?.by(account);
    Ok(text(&call.send().await?.ok()?, "access_token")?.to_owned())
}

async fn revoked(run: Scenario) -> Result<()> {
    let accounts = [run.account().await?, run.account().await?];
    for account in &accounts {
        for _ in 0..CALLS {
            list(&run, &account.token).await?.ok()?;
        }
    }
    let [changed, logged_out] = &accounts;
    let new = change(&run, changed).await?;
    ensure!(token::subject(&new)? == changed.id, "another user's token");
    let call = run.call("auth-revoke", json!({}))?.by(logged_out);
    call.send().await?.ok()?;

    // Tokens from after it count at once, also in the same second.
    list(&run, &new).await?.ok()?;
    login(&run, changed, &changed.password)
        .await?
        .refused(ErrorCode::Unauthenticated)?;
    for (account, password) in [
        (changed, NEW_PASSWORD),
        (logged_out, logged_out.password.as_str()),
    ] {
        let answer = login(&run, account, password).await?.ok()?;
        list(&run, text(&answer, "access_token")?).await?.ok()?;
    }

    for account in &accounts {
        let validate = json!({"access_token": account.token});
        let reply = run.call("auth-validate", validate)?.send().await?;
        reply.refused(ErrorCode::Unauthenticated)?;
    }
    eventually(MINUTE, async || {
        for account in &accounts {
            for _ in 0..CALLS {
                let reply = list(&run, &account.token).await?;
                reply.refused(ErrorCode::Unauthenticated)?;
            }
        }
        Ok(())
    })
    .await?;
    list(&run, &new).await?.ok()?;
    run.all_logged().await
}

async fn checked(run: Scenario) -> Result<()> {
    let account = run.account().await?;
    for (args, code) in [
        (
            passwords("wrong", NEW_PASSWORD),
            ErrorCode::PermissionDenied,
        ),
        (passwords("", NEW_PASSWORD), ErrorCode::InvalidArgument),
        (
            passwords(&account.password, "short"),
            ErrorCode::InvalidArgument,
        ),
        (
            passwords(&account.password, &"x".repeat(129)),
            ErrorCode::InvalidArgument,
        ),
    ] {
        let call = run.call("auth-change-password", args.clone())?;
        let reply = call.by(&account).send().await?;
        reply.refused(code).with_context(|| args.to_string())?;
    }
    list(&run, &account.token).await?.ok()?;
    login(&run, &account, &account.password).await?.ok()?;
    Ok(())
}

async fn repeated(run: Scenario) -> Result<()> {
    let account = run.account().await?;
    let key = Uuid::new_v4().to_string();
    let args = passwords(&account.password, NEW_PASSWORD);
    let mut token = String::new();
    for _ in 0..2 {
        let call = run.call("auth-change-password", args.clone())?;
        let answer = call.by(&account).key(&key).send().await?.ok()?;
        text(&answer, "access_token")?.clone_into(&mut token);
        list(&run, &token).await?.ok()?;
    }
    let other = run.call("auth-change-password", args)?.by(&account);
    other.send().await?.refused(ErrorCode::Unauthenticated)?;

    for _ in 0..2 {
        let call = run.call("auth-revoke", json!({}))?.token(&token).key(&key);
        call.send().await?.ok()?;
    }
    let other = run.call("auth-revoke", json!({}))?.token(&token);
    other.send().await?.refused(ErrorCode::Unauthenticated)?;
    Ok(())
}

async fn anothers(run: Scenario) -> Result<()> {
    let (account, other) = (run.account().await?, run.account().await?);
    let mut args = passwords(&account.password, NEW_PASSWORD);
    args["user_id"] = json!(other.id);
    for (function, args) in [
        ("auth-change-password", args),
        ("auth-revoke", json!({"user_id": other.id})),
    ] {
        let reply = run.call(function, args)?.by(&account).send().await?;
        reply.refused(ErrorCode::PermissionDenied)?;
    }
    let call = run.call("auth-revoke", json!({"user_id": account.id}))?;
    call.by(&account).send().await?.ok()?;
    list(&run, &other.token).await?.ok()?;
    Ok(())
}

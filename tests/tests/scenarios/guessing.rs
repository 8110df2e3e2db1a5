//! Guessing passwords slows down.

use std::{net::IpAddr, time::Duration};

use anyhow::{Context as _, Result, bail, ensure};
use serde_json::{Value, json};
use trichrome_proto::{error::ErrorCode, wire};
use trichrome_tests::{
    account::{Account, NEW_PASSWORD, unused_name},
    harness::Suite,
    reply::Reply,
    scenario::Scenario,
    transport::Transport,
    wait::eventually,
};

pub(crate) fn add(suite: &mut Suite) {
    suite.each(
        "guessing::failures_delay_every_check_of_the_password",
        delayed,
    );
    suite.each("guessing::an_unknown_name_is_treated_alike", unknown);
    suite.over(
        &ADDRESSED,
        "guessing::a_stranger_does_not_delay_the_user",
        strangers,
    );
    suite.once("guessing::failures_count_over_all_transports", together);
}

/// The transports that show an address.
const ADDRESSED: [Transport; 4] = [
    Transport::Rest,
    Transport::FacadeRest,
    Transport::FacadeGrpc,
    Transport::Grpc,
];

/// The failures without a delay.
const FREE: usize = 10;

/// Addresses of documentation (RFC 5737, RFC 3849).
const STRANGERS: [&str; 2] = ["203.0.113.7", "2001:db8:7::1"];

fn credentials(username: &str, password: &str) -> Value {
    json!({"username": username, "password": password})
}

/// Calls without the retries of limited operations.
async fn check(
    run: &Scenario,
    transport: Transport,
    function: &str,
    args: Value,
    address: Option<IpAddr>,
) -> Result<Reply> {
    let call = run.call_over(transport, function, args)?;
    match address {
        Some(address) => call.at_address(address).send_once().await,
        None => call.send_once().await,
    }
}

/// Guesses until an attempt is delayed. Returns how many weren't, and the delay in seconds.
async fn guess(
    run: &Scenario,
    transport: Transport,
    username: &str,
    address: Option<IpAddr>,
) -> Result<(usize, u64)> {
    for attempt in 0..3 * FREE {
        let args = credentials(username, "a wrong password");
        let reply = check(run, transport, "auth-login", args, address).await?;
        if reply.code() == Some(ErrorCode::ResourceExhausted) {
            let delay = reply.retry_after.context("no retry-after")?;
            ensure!((1..=60).contains(&delay), "retry after {delay} s");
            return Ok((attempt, delay));
        }
        reply.refused(ErrorCode::Unauthenticated)?;
    }
    bail!("{username}: no attempt was delayed");
}

async fn login_when_allowed(run: &Scenario, account: &Account) -> Result<()> {
    eventually(Duration::from_secs(60), async || {
        let args = credentials(&account.username, &account.password);
        check(run, run.transport(), "auth-login", args, None)
            .await?
            .ok()
    })
    .await?;
    Ok(())
}

async fn delayed(run: Scenario) -> Result<()> {
    let account = run.account().await?;
    let (attempts, delay) = guess(&run, run.transport(), &account.username, None).await?;
    // A slow machine may take longer for an attempt than the first delay.
    ensure!(attempts >= FREE, "delayed after {attempts} failures");
    ensure!(delay <= 4, "the first delay is {delay} s");

    // Delays double. The right password doesn't help during one, whichever operation checks it.
    eventually(Duration::from_secs(60), async || {
        let (_, delay) = guess(&run, run.transport(), &account.username, None).await?;
        ensure!(delay >= 8, "the delay is only {delay} s");
        Ok(())
    })
    .await?;
    let right = credentials(&account.username, &account.password);
    for (function, args) in [
        ("auth-login", right.clone()),
        ("users-validate-password", right),
        (
            "auth-change-password",
            json!({"current_password": account.password, "new_password": NEW_PASSWORD}),
        ),
    ] {
        let reply = run.call(function, args)?.by(&account).send_once().await?;
        let refused = reply.refused(ErrorCode::ResourceExhausted)?;
        ensure!(refused.retry_after.is_some(), "{function}: no retry-after");
    }

    login_when_allowed(&run, &account).await?;
    // A login forgets the failures.
    for _ in 0..2 {
        let args = credentials(&account.username, "a wrong password");
        let reply = check(&run, run.transport(), "auth-login", args, None).await?;
        reply.refused(ErrorCode::Unauthenticated)?;
    }
    login_when_allowed(&run, &account).await?;
    run.all_logged().await
}

async fn unknown(run: Scenario) -> Result<()> {
    let (attempts, delay) = guess(&run, run.transport(), &unused_name(), None).await?;
    ensure!(attempts >= FREE, "delayed after {attempts} failures");
    ensure!(delay <= 4, "the first delay is {delay} s");
    Ok(())
}

async fn strangers(run: Scenario) -> Result<()> {
    let account = run.account().await?;
    for address in STRANGERS {
        let address = address.parse()?;
        let (attempts, _) = guess(&run, run.transport(), &account.username, Some(address)).await?;
        ensure!(attempts >= FREE, "delayed after {attempts} failures");
        // From where the user signed up, and from another address.
        for from in [None, Some("198.51.100.1".parse()?)] {
            let args = credentials(&account.username, &account.password);
            check(&run, run.transport(), "auth-login", args, from)
                .await?
                .ok()
                .with_context(|| format!("from {from:?} while {address} guesses"))?;
        }
    }
    Ok(())
}

/// The processes of all functions share the counters.
async fn together(run: Scenario) -> Result<()> {
    let account = run.account().await?;
    let mut refused = Vec::new();
    for attempt in 0..FREE {
        let transport = ADDRESSED[attempt % ADDRESSED.len()];
        let function = ["auth-login", "users-validate-password"][attempt % 2];
        let args = credentials(&account.username, "a wrong password");
        let reply = check(&run, transport, function, args, None).await?;
        refused.push(reply.refused(ErrorCode::Unauthenticated)?.status);
    }
    let over: Vec<_> = ADDRESSED.map(Transport::wire).into();
    ensure!(over.contains(&wire::Transport::Rest) && over.contains(&wire::Transport::Grpc));
    let args = credentials(&account.username, &account.password);
    let reply = check(&run, Transport::Rest, "auth-login", args, None).await?;
    reply.refused(ErrorCode::ResourceExhausted)?;
    Ok(())
}

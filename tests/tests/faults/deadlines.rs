//! More calls than the functions can serve in time: those whose callers have given up aren't run.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use futures::future::join_all;
use serde_json::json;
use trichrome_tests::{
    call_logs, harness::Suite, scenario::Scenario, transport::Transport, wait::eventually,
};
use uuid::Uuid;

pub(crate) fn add(suite: &mut Suite) {
    suite.once(
        "faults::no_command_runs_after_its_caller_has_gone",
        overload,
    );
}

/// The calls at once: logins, which take the functions longer than the calls' ten seconds, and
/// fewer than one address may have connections.
const CALLS: usize = 1200;

/// The users who log in.
const USERS: usize = 24;

/// The commands that the gateway serves at once (half of `INVOKE_CONCURRENCY`). These may be
/// running when their deadline passes.
const CONCURRENCY: usize = 32;

async fn overload(run: Scenario) -> Result<()> {
    let mut accounts = Vec::new();
    for _ in 0..USERS {
        accounts.push(run.account().await?);
    }
    let begun = Instant::now();
    let calls = (0..CALLS).map(async |n| {
        let (account, trace) = (&accounts[n % USERS], Uuid::new_v4());
        let args = json!({"username": account.username, "password": account.password});
        let call = run.call_over(Transport::FacadeEvents, "auth-login", args)?;
        let reply = call.trace(trace).send_once().await?;
        Ok::<_, anyhow::Error>((trace, reply.status))
    });
    let replies = join_all(calls)
        .await
        .into_iter()
        .collect::<Result<Vec<_>>>()?;
    let took = begun.elapsed();
    let gave_up: Vec<_> = replies
        .iter()
        .filter(|(_, status)| *status == 504)
        .map(|(trace, _)| *trace)
        .collect();
    let served = replies.iter().filter(|(_, status)| *status == 200).count();
    // Until the gateway has got through the commands.
    let logged = eventually(Duration::from_secs(120), async || {
        let logged = call_logs::of(&run.stack().postgres, &gave_up).await?;
        ensure!(
            logged.len() == gave_up.len(),
            "{} of {}",
            logged.len(),
            gave_up.len()
        );
        Ok(logged)
    })
    .await?;
    let ran = logged.iter().filter(|entry| entry.status != 504).count();
    eprintln!(
        "of {CALLS} calls in {took:?}, {served} were served and {} gave up; {ran} of these ran",
        gave_up.len()
    );
    ensure!(!gave_up.is_empty(), "the machine is too fast for this test");
    ensure!(
        ran <= CONCURRENCY,
        "{ran} commands ran after their callers had gone"
    );
    Ok(())
}

//! The gateway is down, is killed, or is asked to stop while it handles calls.

use std::{
    pin::pin,
    sync::atomic::{AtomicBool, Ordering},
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, ensure};
use futures::future::join_all;
use serde_json::json;
use tokio::time::{sleep, timeout};
use trichrome_tests::{
    account::Account,
    clients::{
        kafka::{Record, envelope},
        results::Expected,
    },
    control,
    harness::Suite,
    images::Format,
    scenario::Scenario,
    stored::Amount,
    transport::Transport,
    wait::{SOON, eventually},
};
use uuid::Uuid;

use crate::outage::{keeps_serving, without};

pub(crate) fn add(suite: &mut Suite) {
    suite.once("faults::the_gateway_is_down", down);
    suite.once("faults::the_gateway_drains_before_it_stops", drained);
    suite.once("faults::the_gateway_is_killed", killed);
}

/// Sends an upload command; returns a handle to wait for its reply.
async fn command(run: &Scenario, account: &Account, title: &str) -> Result<Expected> {
    let kafka = &run.stack().kafka;
    let event_id = Uuid::new_v4().to_string();
    let args = json!({"title": title, "base64": Format::Png.tiny().base64()});
    let record = Record::new("pictures", "createpicture", envelope(&event_id, &args));
    let expected = kafka.expect(&event_id);
    kafka.produce(&record.token(&account.token)).await?;
    Ok(expected)
}

async fn down(run: Scenario) -> Result<()> {
    let account = run.account().await?;
    let mut waiting = None;
    without(&run, "gateway", async || {
        keeps_serving(&run, Transport::Rest, &account).await?;
        // A command waits in its topic.
        let mut expected = command(&run, &account, "patient").await?;
        let early = expected.another(Duration::from_secs(2)).await;
        ensure!(early.is_none(), "got a reply without a gateway: {early:?}");
        waiting = Some(expected);
        Ok(())
    })
    .await?;
    let mut expected = waiting.context("no command was sent")?;
    let answer = expected.answer().await.context("the command that waited")?;
    ensure!(answer.status()? == 201, "{}", answer.data);
    let again = expected.another(Duration::from_secs(2)).await;
    ensure!(again.is_none(), "got a second reply: {again:?}");
    let one = Amount {
        objects: 1,
        rows: 1,
        keys: 1,
    };
    run.stack().stored.holds(&account.id, one).await
}

/// The gateway's Kafka session times out after ten seconds (`gateway/src/kafka/consumer.rs`). Until
/// then the group keeps the killed member. The rest allows for the gateway's start and a busy
/// machine. The test prints the actual time.
const TAKEOVER_TIMEOUT: Duration = Duration::from_secs(60);

async fn killed(run: Scenario) -> Result<()> {
    let account = run.account().await?;
    let answer = command(&run, &account, "before").await?.answer().await?;
    ensure!(answer.status()? == 201, "{}", answer.data);
    control::kill(run.stack(), "gateway").await?;
    let begun = Instant::now();
    let mut expected = command(&run, &account, "meanwhile").await?;
    // The stack starts a new gateway, and Kafka assigns it the partitions of the killed one.
    let answer = timeout(TAKEOVER_TIMEOUT, expected.answer())
        .await
        .with_context(|| format!("not taken over within {TAKEOVER_TIMEOUT:?}"))??;
    ensure!(answer.status()? == 201, "{}", answer.data);
    let took = begun.elapsed();
    eprintln!("events are handled again {took:?} after the kill");
    let both = Amount {
        objects: 2,
        rows: 2,
        keys: 2,
    };
    run.stack().stored.holds(&account.id, both).await?;
    eventually(SOON, async || {
        keeps_serving(&run, Transport::FacadeEvents, &account).await
    })
    .await
}

/// The gateway's gauge of calls in flight for a transport.
async fn in_flight(run: &Scenario, transport: &str) -> Result<u32> {
    let url = format!("{}/metrics", run.stack().description.admin_url);
    let page = run.stack().http.get(&url).await?;
    let page = String::from_utf8_lossy(&page.body).into_owned();
    let name = format!("trichrome_gateway_calls_in_flight{{transport=\"{transport}\"}} ");
    let line = page.lines().find_map(|line| line.strip_prefix(&name));
    line.unwrap_or("0")
        .parse()
        .context("the gauge isn't a number")
}

/// The number of concurrent calls: enough to keep the functions busy for a few hundred
/// milliseconds.
const LOGINS: usize = 24;

/// The interval between commands while the gateway stops.
const COMMAND_INTERVAL: Duration = Duration::from_millis(50);

/// Waits until most of the calls are in flight.
async fn busy(run: &Scenario) -> Result<()> {
    eventually(SOON, async || {
        let count = in_flight(run, "grpc").await?;
        ensure!(count as usize >= LOGINS / 2, "{count} calls in flight");
        Ok(())
    })
    .await
}

/// Stops the gateway and sends commands until it is down, so that some arrive while it stops.
async fn stop_under_commands(run: &Scenario, account: &Account) -> Result<Vec<Expected>> {
    let down = AtomicBool::new(false);
    let stop = async {
        let stopped = control::stop(run.stack(), "gateway").await;
        down.store(true, Ordering::Relaxed);
        stopped
    };
    let commands = async {
        let mut commands = Vec::new();
        while !down.load(Ordering::Relaxed) {
            commands.push(command(run, account, "once").await?);
            sleep(COMMAND_INTERVAL).await;
        }
        Ok(commands)
    };
    let (stopped, commands) = tokio::join!(stop, commands);
    stopped?;
    commands
}

async fn drained(run: Scenario) -> Result<()> {
    let account = run.account().await?;
    let login = async || {
        let args = json!({"username": account.username, "password": account.password});
        let call = run.call_over(Transport::Grpc, "auth-login", args)?;
        call.send().await?.ok()
    };
    // Connects first, so that all calls start at once.
    login().await?;
    let round = async || {
        let mut logins = pin!(join_all((0..LOGINS).map(|_| login())));
        tokio::select! {
            // The calls finished before they were seen in flight.
            _ = &mut logins => return Ok(None),
            busy = busy(&run) => busy?,
        }
        let (logins, commands) = tokio::join!(logins, stop_under_commands(&run, &account));
        Ok::<_, anyhow::Error>(Some((logins, commands)))
    };
    let mut rounds = 0;
    let (logins, commands) = loop {
        rounds += 1;
        if let Some(ended) = round().await? {
            break ended;
        }
        ensure!(rounds < 20, "the calls were never seen in flight");
    };
    // The pause keeps the next gateway from handling the calls.
    sleep(Duration::from_millis(200)).await;
    control::start(run.stack(), "gateway").await?;
    for login in logins {
        login.context("a call in flight when the gateway was asked to stop")?;
    }
    let commands = commands?;
    let count = commands.len();
    for mut expected in commands {
        let answer = expected.answer().await;
        let answer = answer.context("a command sent while the gateway stopped")?;
        ensure!(answer.status()? == 201, "{}", answer.data);
    }
    let all = Amount {
        objects: count,
        rows: i32::try_from(count)?,
        keys: i32::try_from(count)?,
    };
    run.stack().stored.holds(&account.id, all).await
}

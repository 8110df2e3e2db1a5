//! The gateway is down, is killed, or is asked to stop while it handles calls.

use std::{
    collections::HashSet,
    pin::pin,
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, ensure};
use futures::future::join_all;
use serde_json::json;
use tokio::time::{sleep, timeout};
use trichrome_tests::{
    account::Account,
    call_logs,
    clients::{
        kafka::{Record, envelope},
        results::Expected,
    },
    control,
    harness::Suite,
    images::Format,
    reply::text,
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
    suite.once("faults::no_call_log_is_lost_by_a_kill", logged);
    suite.once("faults::deletes_have_one_outcome_around_a_kill", deletions);
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

/// The gateway's Kafka session times out after three seconds here (`KAFKA_SESSION_TIMEOUT_MS`).
/// Until then the group keeps the killed member. The rest allows for the gateway's start and a busy
/// machine. The test prints the actual time.
pub(crate) const TAKEOVER_TIMEOUT: Duration = Duration::from_secs(60);

async fn killed(run: Scenario) -> Result<()> {
    let account = run.account().await?;
    let answer = command(&run, &account, "before").await?.answer().await?;
    ensure!(answer.status()? == 201, "{}", answer.data);
    control::kill(run.stack(), "gateway").await?;
    let begun = Instant::now();
    let mut expected = command(&run, &account, "meanwhile").await?;
    // Once the gateway says that it is ready, commands are served.
    is_ready(&run).await?;
    eprintln!("the gateway is ready {:?} after the kill", begun.elapsed());
    let call = run.call_over(Transport::FacadeEvents, "pictures-list", json!({}))?;
    call.by(&account).send().await?.ok()?;
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

/// Waits until the gateway says that it is ready.
async fn is_ready(run: &Scenario) -> Result<()> {
    let url = format!("{}/readyz", run.stack().description.gateway_url);
    eventually(TAKEOVER_TIMEOUT, async || {
        let ready = run.stack().http.get(&url).await?;
        ensure!(ready.status == 200, "{}: {}", ready.status, ready.start());
        Ok(())
    })
    .await
}

/// The number of callers over gRPC, and of those over Kafka.
const CALLERS: usize = 4;

/// The number of answered calls after which the gateway is killed.
const ANSWERED: usize = 600;

async fn logged(run: Scenario) -> Result<()> {
    let account = run.account().await?;
    let (answered, killed) = (Mutex::new(Vec::new()), AtomicBool::new(false));
    let caller = async |transport| {
        while !killed.load(Ordering::Relaxed) {
            let trace = Uuid::new_v4();
            let args = json!({"user_id": account.id});
            let call = run.call_over(transport, "users-get", args)?;
            // A call whose gateway is killed has no answer.
            if call.by(&account).trace(trace).send().await.is_ok() {
                lock(&answered).push(trace);
            }
        }
        Ok::<_, anyhow::Error>(())
    };
    let kill = async {
        let enough = eventually(SOON * 3, async || {
            let count = lock(&answered).len();
            ensure!(count >= ANSWERED, "{count} calls are answered");
            Ok(())
        });
        let outcome = enough.await;
        let kill = control::kill(run.stack(), "gateway").await;
        killed.store(true, Ordering::Relaxed);
        outcome.and(kill)
    };
    let callers = [Transport::Grpc, Transport::Kafka]
        .into_iter()
        .flat_map(|transport| [transport; CALLERS])
        .map(&caller);
    let (outcome, callers) = tokio::join!(kill, join_all(callers));
    outcome?;
    callers.into_iter().collect::<Result<Vec<_>>>()?;
    let answered = lock(&answered).clone();
    eventually(SOON * 3, async || {
        let logged = call_logs::of(&run.stack().postgres, &answered).await?;
        let logged: HashSet<_> = logged.iter().map(|entry| entry.trace_id).collect();
        ensure!(
            logged.len() == answered.len(),
            "{} of {} answered calls are logged",
            logged.len(),
            answered.len()
        );
        Ok(())
    })
    .await?;
    eprintln!("all {} answered calls are logged", answered.len());
    is_ready(&run).await
}

/// The number of pictures to delete: enough for some to be deleted when the gateway is killed.
const DELETED: usize = 60;

async fn deletions(run: Scenario) -> Result<()> {
    let account = run.account().await?;
    let mut expected = Vec::new();
    for n in 0..DELETED {
        expected.push(command(&run, &account, &n.to_string()).await?);
    }
    let mut ids = Vec::new();
    for mut created in expected {
        let answer = created.answer().await?;
        ensure!(answer.status()? == 201, "{}", answer.data);
        ids.push(text(&answer.data, "id")?.to_owned());
    }
    let kafka = &run.stack().kafka;
    let mut expected = Vec::new();
    let mut traces = Vec::new();
    for id in &ids {
        let event_id = Uuid::new_v4().to_string();
        let args = json!({"picture_id": id});
        let record = Record::new("pictures", "deletepicture", envelope(&event_id, &args));
        let trace = Uuid::new_v4();
        traces.push(trace);
        expected.push(kafka.expect(&event_id));
        kafka
            .produce(&record.token(&account.token).trace(trace))
            .await?;
    }
    // Some deletions are answered, some in progress, and some wait.
    let answer = expected[DELETED / 4].answer().await?;
    ensure!(answer.status()? == 204, "{}", answer.data);
    control::kill(run.stack(), "gateway").await?;
    is_ready(&run).await?;
    let mut repeated = 0;
    for (n, expected) in expected.iter_mut().enumerate() {
        if n != DELETED / 4 {
            let answer = expected.answer().await?;
            ensure!(answer.status()? == 204, "{}", answer.data);
        }
    }
    for expected in &mut expected {
        while let Some(again) = expected.another(Duration::ZERO).await {
            repeated += 1;
            ensure!(again.status()? == 204, "delivered again: {}", again.data);
        }
    }
    eprintln!("{repeated} of {DELETED} deletions were delivered again");
    call_logs::all(&run.stack().postgres, &traces, SOON).await?;
    Ok(())
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

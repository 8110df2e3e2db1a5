//! The gateway down, and the gateway asked to stop while it works.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use futures::future::{join_all, try_join_all};
use serde_json::json;
use tokio::time::{sleep, timeout};
use trichrome_tests::{
    clients::kafka::{Record, envelope},
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
    suite.once("faults::the_gateway_finishes_what_it_began", drained);
    suite.once("faults::the_gateway_is_killed", killed);
}

async fn down(run: Scenario) -> Result<()> {
    let account = run.account().await?;
    let kafka = &run.stack().kafka;
    let event_id = Uuid::new_v4().to_string();
    let mut expected = kafka.expect(&event_id);
    without(&run, "gateway", async || {
        keeps_serving(&run, Transport::Rest, &account).await?;
        // A command waits in its topic.
        let args = json!({"title": "patient", "base64": Format::Png.tiny().base64()});
        let record = Record::new("pictures", "createpicture", envelope(&event_id, &args));
        kafka.produce(&record.token(&account.token)).await?;
        let early = expected.another(Duration::from_millis(500)).await;
        ensure!(early.is_none(), "answered without a gateway: {early:?}");
        Ok(())
    })
    .await?;
    let answer = expected.answer().await.context("the command that waited")?;
    ensure!(answer.status()? == 201, "{}", answer.data);
    let again = expected.another(Duration::from_millis(300)).await;
    ensure!(again.is_none(), "answered twice: {again:?}");
    let one = Amount {
        objects: 1,
        rows: 1,
        keys: 1,
    };
    run.stack().stored.holds(&account.id, one).await
}

/// The gateway's session at Kafka is ten seconds (`gateway/src/kafka/consumer.rs`): for so long
/// the group waits for a member that was killed. The rest is for the gateway's start, and for
/// a busy machine.
const TAKEN_OVER: Duration = Duration::from_secs(20);

async fn killed(run: Scenario) -> Result<()> {
    let account = run.account().await?;
    let kafka = &run.stack().kafka;
    let send = async |title: &str| {
        let event_id = Uuid::new_v4().to_string();
        let args = json!({"title": title, "base64": Format::Png.tiny().base64()});
        let record = Record::new("pictures", "createpicture", envelope(&event_id, &args));
        let expected = kafka.expect(&event_id);
        kafka.produce(&record.token(&account.token)).await?;
        Ok::<_, anyhow::Error>(expected)
    };
    let answer = send("before").await?.answer().await?;
    ensure!(answer.status()? == 201, "{}", answer.data);
    control::kill(run.stack(), "gateway").await?;
    let begun = Instant::now();
    let mut expected = send("meanwhile").await?;
    // Nobody lends a hand: the stack starts another, and Kafka gives it the dead one's share.
    let answer = timeout(TAKEN_OVER, expected.answer())
        .await
        .with_context(|| format!("not taken over within {TAKEN_OVER:?}"))??;
    ensure!(answer.status()? == 201, "{}", answer.data);
    let took = begun.elapsed();
    eprintln!("events are served again {took:?} after the kill");
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

/// Calls of a transport that are under way, by the gateway's own word.
async fn in_flight(run: &Scenario, transport: &str) -> Result<u32> {
    let url = format!("{}/metrics", run.stack().description.gateway_url);
    let page = run.stack().http.get(&url).await?;
    let page = String::from_utf8_lossy(&page.body).into_owned();
    let name = format!("trichrome_gateway_calls_in_flight{{transport=\"{transport}\"}} ");
    let line = page.lines().find_map(|line| line.strip_prefix(&name));
    line.unwrap_or("0")
        .parse()
        .context("the gauge is no number")
}

async fn drained(run: Scenario) -> Result<()> {
    /// Enough to keep the functions busy for some hundred milliseconds.
    const LOGINS: usize = 24;
    const COMMANDS: usize = 4;
    let account = run.account().await?;
    let kafka = &run.stack().kafka;
    let login = async || {
        let args = json!({"username": account.username, "password": account.password});
        let call = run.call_over(Transport::Grpc, "auth-login", args)?;
        call.send().await?.ok()
    };
    // The connection is there before the calls are: they are all on it at once.
    login().await?;
    let command = async || {
        let event_id = Uuid::new_v4().to_string();
        let args = json!({"title": "once", "base64": Format::Gif.tiny().base64()});
        let record = Record::new("pictures", "createpicture", envelope(&event_id, &args));
        let mut expected = kafka.expect(&event_id);
        kafka.produce(&record.token(&account.token)).await?;
        let answer = expected.answer().await?;
        ensure!(answer.status()? == 201, "{}", answer.data);
        Ok(())
    };
    let stop = async || {
        eventually(SOON, async || {
            let count = in_flight(&run, "grpc").await?;
            ensure!(count as usize >= LOGINS / 2, "{count} calls under way");
            Ok(())
        })
        .await?;
        control::stop(run.stack(), "gateway").await?;
        // Down for a moment, so that nothing is served by the next one by chance.
        sleep(Duration::from_millis(200)).await;
        control::start(run.stack(), "gateway").await
    };
    let logins = join_all((0..LOGINS).map(|_| login()));
    let commands = try_join_all((0..COMMANDS).map(|_| command()));
    let (logins, commands, stopped) = tokio::join!(logins, commands, stop());
    // Where it was not even stopped, that is the first thing to know; it runs on anyway.
    control::start(run.stack(), "gateway").await?;
    stopped?;
    for login in logins {
        login.context("a call that was under way when the gateway was asked to stop")?;
    }
    commands.context("a command that came while the gateway stopped")?;
    let all = Amount {
        objects: COMMANDS,
        rows: i32::try_from(COMMANDS)?,
        keys: i32::try_from(COMMANDS)?,
    };
    run.stack().stored.holds(&account.id, all).await
}

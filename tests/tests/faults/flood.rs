//! A flood of commands on one topic doesn't delay those on another.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use futures::{StreamExt as _, TryStreamExt as _, stream};
use serde_json::json;
use trichrome_tests::{
    clients::kafka::{Record, envelope},
    harness::Suite,
    scenario::Scenario,
    transport::Transport,
};
use uuid::Uuid;

pub(crate) fn add(suite: &mut Suite) {
    suite.once("faults::a_flood_delays_no_other_topic", flood);
}

/// More than the gateway holds of one topic.
const FLOOD: usize = 2500;

/// The number of calls on another topic meanwhile.
const CALLS: u32 = 5;

async fn flood(run: Scenario) -> Result<()> {
    let account = run.account().await?;
    let kafka = &run.stack().kafka;
    let started = Instant::now();
    let mut answers: Vec<_> = stream::iter(0..FLOOD)
        .map(async |_| {
            let event_id = Uuid::new_v4().to_string();
            let value = envelope(&event_id, &json!({"user_id": account.id}));
            let record = Record::new("users", "getuser", value).token(&account.token);
            let expected = kafka.expect(&event_id);
            kafka.produce(&record).await?;
            Ok::<_, anyhow::Error>(expected)
        })
        .buffered(200)
        .try_collect()
        .await?;
    eprintln!("{FLOOD} commands are produced in {:?}", started.elapsed());
    let mut slowest = Duration::ZERO;
    for _ in 0..CALLS {
        let begun = Instant::now();
        let call = run.call_over(Transport::FacadeEvents, "pictures-list", json!({}))?;
        call.by(&account).send().await?.ok()?;
        slowest = slowest.max(begun.elapsed());
    }
    let last = answers.last_mut().context("no command was sent")?;
    let early = last.another(Duration::ZERO).await;
    ensure!(
        early.is_none(),
        "the flood was over after {:?}: too small for this machine",
        started.elapsed()
    );
    for answer in &mut answers {
        let answer = answer.answer().await?;
        ensure!(answer.status()? == 200, "{}", answer.data);
    }
    eprintln!(
        "the slowest of {CALLS} calls took {slowest:?}, the flood {:?}",
        started.elapsed()
    );
    Ok(())
}

//! The gateway down, and the gateway asked to stop while it works.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use futures::future::{join_all, try_join_all};
use serde_json::json;
use tokio::time::sleep;
use trichrome_tests::{
    clients::kafka::{Record, envelope},
    control,
    harness::Suite,
    images::{Format, LIMIT},
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
    suite.once("faults::the_gateway_finishes_what_it_began", drained);
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
    const CALLS: usize = 4;
    let account = run.account().await?;
    let kafka = &run.stack().kafka;
    let picture = Format::Jpeg.grown(LIMIT).base64();
    let upload = async || {
        let args = json!({"title": "just in time", "base64": picture});
        let call = run.call_over(Transport::Grpc, "pictures-create", args)?;
        let created = call.by(&account).send().await?.ok()?;
        Ok::<_, anyhow::Error>(text(&created, "id")?.to_owned())
    };
    let commands = async || {
        let commands = (0..CALLS).map(async |_| {
            let event_id = Uuid::new_v4().to_string();
            let args = json!({"title": "once", "base64": Format::Gif.tiny().base64()});
            let record = Record::new("pictures", "createpicture", envelope(&event_id, &args));
            let mut expected = kafka.expect(&event_id);
            kafka.produce(&record.token(&account.token)).await?;
            let answer = expected.answer().await?;
            ensure!(answer.status()? == 201, "{}", answer.data);
            Ok(())
        });
        try_join_all(commands).await
    };
    let stop = async || {
        eventually(SOON, async || {
            let count = in_flight(&run, "grpc").await?;
            ensure!(count as usize == CALLS, "{count} calls under way");
            Ok(())
        })
        .await?;
        control::stop(run.stack(), "gateway").await?;
        // Down for a moment, so that nothing is served by the next one by chance.
        sleep(Duration::from_millis(200)).await;
        control::start(run.stack(), "gateway").await
    };
    let uploads = join_all((0..CALLS).map(|_| upload()));
    let (uploads, commands, stopped) = tokio::join!(uploads, commands(), stop());
    // If it was not stopped in time, that is to be known first; it has to run again anyway.
    control::start(run.stack(), "gateway").await?;
    stopped?;
    for upload in uploads {
        upload.context("a call that was under way when the gateway was asked to stop")?;
    }
    commands.context("a command that came while the gateway stopped")?;
    let all = Amount {
        objects: 2 * CALLS,
        rows: 2 * i32::try_from(CALLS)?,
        keys: i32::try_from(CALLS)?,
    };
    run.stack().stored.holds(&account.id, all).await
}

//! Nodes of the cache that die, hang or are full: only hits are lost. And rate limits that gateways
//! share through them.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use futures::future::try_join_all;
use serde_json::json;
use trichrome_tests::{
    account::{Account, unused_name},
    control,
    gateway::Replica,
    harness::Suite,
    images::Format,
    kept::{Kept, send_to_all},
    reply::{list, text},
    scenario::Scenario,
    stack::Description,
    transport::Transport,
    wait::{SOON, eventually},
};

pub(crate) fn add(suite: &mut Suite) {
    let has_cache = Description::read().is_ok_and(|stack| stack.cache_nodes.is_some());
    suite.given(has_cache, "the stack has no cache", |suite| {
        suite.once("faults::a_dead_cache_costs_only_hits", dead);
        suite.once("faults::a_cache_that_hangs_costs_its_time_limits", hanging);
        suite.once("faults::a_full_cache_costs_only_hits", full);
        suite.once(
            "faults::gateways_share_rate_limits_while_there_is_a_cache",
            limits,
        );
    });
}

/// What a node may cost a call: connecting and a command, each 50 ms, in a write that evicts; the rest
/// is allowance for the call itself on a busy machine.
const LONGEST: Duration = Duration::from_secs(2);

/// Uploads, reads, deletes and reads again, over each transport, and returns the longest call.
async fn works(run: &Scenario, by: &Account) -> Result<Duration> {
    let mut longest = Duration::ZERO;
    for transport in [Transport::Rest, Transport::Grpc, Transport::Kafka] {
        let mut call = async |function: &str, args| {
            let started = Instant::now();
            let reply = run
                .call_over(transport, function, args)?
                .by(by)
                .send()
                .await?;
            longest = longest.max(started.elapsed());
            reply
                .ok()
                .with_context(|| format!("{function} over {transport}"))
        };
        let args = json!({"title": "t", "base64": Format::Png.tiny().base64()});
        let id = call("pictures-create", args).await?;
        let id = text(&id, "id")?.to_owned();
        for _ in 0..2 {
            let page = call("pictures-list", json!({"limit": 5})).await?;
            ensure!(list(&page, "pictures")?.len() == 1, "{page}");
        }
        call("pictures-delete", json!({"picture_id": id})).await?;
        let page = call("pictures-list", json!({"limit": 5})).await?;
        ensure!(list(&page, "pictures")?.is_empty(), "{page}");
    }
    Ok(longest)
}

/// Waits until a user's responses are kept: breakers have closed.
async fn keeps(run: &Scenario, by: &Account) -> Result<()> {
    eventually(SOON, async || {
        let args = json!({"limit": 5});
        run.call("pictures-list", args)?.by(by).send().await?.ok()?;
        let entries = Kept::of(run.stack(), &by.id).await?.entries().await?;
        ensure!(
            entries.contains_key("pictures-list"),
            "{:?}",
            entries.keys()
        );
        Ok(())
    })
    .await
}

async fn dead(run: Scenario) -> Result<()> {
    let stack = run.stack();
    let account = run.account().await?;
    works(&run, &account).await?;
    keeps(&run, &account).await?;
    for part in ["cache", "cache-2"] {
        control::stop(stack, part).await?;
    }
    let longest = works(&run, &account).await?;
    ensure!(longest < LONGEST, "a call took {longest:?}");
    for part in ["cache", "cache-2"] {
        control::start(stack, part).await?;
    }
    keeps(&run, &account).await
}

async fn hanging(run: Scenario) -> Result<()> {
    let account = run.account().await?;
    works(&run, &account).await?;
    keeps(&run, &account).await?;
    let pause = Duration::from_secs(20);
    let started = Instant::now();
    send_to_all(run.stack(), &["CLIENT", "PAUSE", "20000", "ALL"]).await?;
    let longest = works(&run, &account).await?;
    let took = started.elapsed();
    ensure!(longest < LONGEST, "a call took {longest:?}");
    ensure!(took < pause, "the nodes answered again after {took:?}");
    eventually(pause + SOON, async || keeps(&run, &account).await).await
}

async fn full(run: Scenario) -> Result<()> {
    let stack = run.stack();
    let account = run.account().await?;
    let set = async |memory: &str, policy: &str| {
        send_to_all(stack, &["CONFIG", "SET", "maxmemory-policy", policy]).await?;
        send_to_all(stack, &["CONFIG", "SET", "maxmemory", memory]).await
    };
    set("1", "noeviction").await?;
    let outcome = works(&run, &account).await;
    let entries = Kept::of(stack, &account.id).await?.entries().await;
    set("64mb", "allkeys-lru").await?;
    let longest = outcome?;
    ensure!(longest < LONGEST, "a call took {longest:?}");
    ensure!(entries?.is_empty(), "the nodes weren't full");
    keeps(&run, &account).await
}

/// Guesses passwords of many names through two gateways, and returns how many were let through.
async fn guess(run: &Scenario, second: &Replica) -> Result<usize> {
    let stack = run.stack();
    let urls = [stack.description.gateway_url.as_str(), second.http_url()];
    let calls = (0..80).map(async |n: usize| {
        let url = format!("{}/grpc/users/validate-password", urls[n % 2]);
        let headers = [("content-type", "application/json")];
        let body = json!({"username": format!("{}-{n}", unused_name()), "password": "a guess"});
        let answer = stack.http.send("POST", &url, &headers, body.to_string());
        Ok::<_, anyhow::Error>(answer.await?.status)
    });
    let statuses = try_join_all(calls).await?;
    Ok(statuses.iter().filter(|status| **status != 429).count())
}

/// What a gateway has counted of the calls that it asked the cache about.
async fn counted(run: &Scenario, admin_url: &str, outcome: &str) -> Result<u64> {
    let page = run
        .stack()
        .http
        .get(&format!("{admin_url}/metrics"))
        .await?;
    let page = String::from_utf8_lossy(&page.body).into_owned();
    let name = format!("trichrome_gateway_shared_limits_total{{outcome=\"{outcome}\"}} ");
    let count = page.lines().find_map(|line| line.strip_prefix(&name));
    Ok(count.context("no such counter")?.parse()?)
}

async fn limits(run: Scenario) -> Result<()> {
    let stack = run.stack();
    let second = Replica::start(stack).await?;
    let admins = [stack.description.admin_url.as_str(), second.admin_url()];
    let sum = async |outcome: &str| {
        let mut sum = 0;
        for admin_url in admins {
            sum += counted(&run, admin_url, outcome).await?;
        }
        Ok::<_, anyhow::Error>(sum)
    };
    // Each gateway's own limit lets through 20 calls at once, and so do both together.
    let refused = sum("refused").await?;
    let through = guess(&run, &second).await?;
    let refused = sum("refused").await? - refused;
    ensure!(
        refused > 0 && through > 0,
        "{refused} refused, {through} not"
    );

    for part in ["cache", "cache-2"] {
        control::stop(stack, part).await?;
    }
    let unknown = sum("unknown").await?;
    let through = guess(&run, &second).await;
    let unknown = sum("unknown").await? - unknown;
    for part in ["cache", "cache-2"] {
        control::start(stack, part).await?;
    }
    let through = through?;
    ensure!(
        unknown > 0 && through > 0,
        "{unknown} unknown, {through} let through"
    );
    ensure!(through < 80, "without a cache there is no limit");
    second.stop().await
}

//! What the optional cache saves: the same reads as hits, and as misses after an eviction.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use base64::{Engine as _, prelude::BASE64_STANDARD};
use reqwest::Client;
use serde_json::{Value, json};
use tokio::time::sleep;
use trichrome_response_cache::{NodeCache, TTL};
use trichrome_runtime::ResponseCache as _;

use crate::{
    call,
    settings::Settings,
    stats::{Latencies, Rounds},
    table::Table,
    upload::picture,
};

/// The pictures of the user, of 100 kB each: one month of the index, and fifteen pages of a list.
const PICTURES: usize = 300;
const PICTURE_BYTES: usize = 100_000;

/// Hits and misses of a round, in turns.
const CALLS: usize = 40;

/// Time allowed for all derivatives, and how often they are looked for.
const DERIVED: Duration = Duration::from_secs(300);
const POLL: Duration = Duration::from_millis(500);

/// A user's reads over REST.
struct Reads<'a> {
    http: Client,
    rest_url: &'a str,
    token: String,
    user_id: String,
    cache: NodeCache,
}

impl Reads<'_> {
    /// Makes a call, and returns its duration and what it says of the cache.
    async fn call(&self, path: &str) -> Result<(Duration, String, Value)> {
        let request = self.http.get(format!("{}{path}", self.rest_url));
        let started = Instant::now();
        let response = request.bearer_auth(&self.token).send().await?;
        let response = response.error_for_status()?;
        let status = response.headers().get("cache-status");
        let status = status.map_or(Ok(""), |status| status.to_str())?.to_owned();
        let body = response.bytes().await?;
        let took = started.elapsed();
        Ok((took, status, serde_json::from_slice(&body)?))
    }

    /// Waits until the functions are done that make derivatives, which evict.
    async fn derived(&self, month: &str) -> Result<()> {
        let started = Instant::now();
        loop {
            let (_, _, index) = self.call(month).await?;
            let pictures = index["pictures"].as_array().context("no pictures")?;
            let waiting = pictures.iter().any(|it| it["state"] == "processing");
            if !waiting && pictures.len() == PICTURES {
                // The function evicts after it has stored the state.
                sleep(POLL).await;
                return Ok(());
            }
            let stored = pictures.len();
            ensure!(
                started.elapsed() < DERIVED,
                "{stored} pictures, some processing"
            );
            self.cache.evict(&self.user_id).await?;
            sleep(POLL).await;
        }
    }

    async fn store(&self) -> Result<String> {
        let body =
            json!({"title": "kept", "base64": BASE64_STANDARD.encode(picture(PICTURE_BYTES))});
        let request = self.http.post(format!("{}/pictures", self.rest_url));
        let response = request.bearer_auth(&self.token).json(&body).send().await?;
        let created: Value = response.error_for_status()?.json().await?;
        Ok(created["id"].as_str().context("no id")?.to_owned())
    }
}

/// Measures misses and hits of each read, in turns.
pub(crate) async fn measure(settings: &Settings, table: &mut Table) -> Result<()> {
    let stack = &settings.stack;
    let Some(nodes) = &stack.cache_nodes else {
        println!("no server of a cache: not measured");
        return Ok(());
    };
    let mut reads = Reads {
        http: call::http()?,
        rest_url: &stack.rest_url,
        token: call::token(stack).await?,
        user_id: String::new(),
        cache: NodeCache::new(nodes.parse()?, "trichrome".to_owned(), TTL),
    };
    let mut id = String::new();
    for _ in 0..PICTURES {
        id = reads.store().await?;
    }
    let (_, _, newest) = reads
        .call(&format!("/pictures/{id}?metadata_only=true"))
        .await?;
    let user_id = newest["user_id"].as_str().context("no user id")?;
    user_id.clone_into(&mut reads.user_id);
    let (_, _, index) = reads.call("/pictures/index").await?;
    let month = index["months"][0]["month"].as_str().context("no month")?;
    let month = format!("/pictures/index?month={month}");
    reads.derived(&month).await?;
    for (what, path) in [
        (
            "a page of 20 pictures",
            "/pictures?metadata_only=true".to_owned(),
        ),
        ("a month of 300 pictures", month),
        ("a picture of 100 kB", format!("/pictures/{id}")),
    ] {
        let [mut missed, mut hit, mut ratio] = [(); 3].map(|()| Rounds::default());
        for _ in 0..settings.rounds {
            let (mut misses, mut hits) = (Latencies::new()?, Latencies::new()?);
            for _ in 0..CALLS {
                reads.cache.evict(&reads.user_id).await?;
                let (took, status, _) = reads.call(&path).await?;
                ensure!(status.ends_with("fwd=miss"), "{what}: {status:?}");
                misses.add(took);
                let (took, status, _) = reads.call(&path).await?;
                ensure!(status.ends_with("hit"), "{what}: {status:?}");
                hits.add(took);
            }
            missed.add(misses.p50());
            hit.add(hits.p50());
            ratio.add(hits.p50() / misses.p50());
        }
        table.figure(
            &format!("{what}, a hit against a miss"),
            format!("{ratio} x (hit {hit} ms, miss {missed} ms)"),
        );
    }
    Ok(())
}

//! Durations of the functions in the cost tables of `docs/deploying.md` (`docs/figures.json`), from
//! the request to the answer, one call at a time. The stores are local.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use base64::{Engine as _, prelude::BASE64_STANDARD};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::{
    call,
    settings::{Settings, Stack},
    stats::{Latencies, Rounds},
    table::Table,
    upload::{Uploader, Way, picture},
    uploads::{Parts, send},
};

/// A phone's photo, in bytes.
const PHOTO: usize = 3_000_000;

/// Calls of each function in a round.
const CALLS: usize = 20;

/// Call logs in a batch.
const BATCH: usize = 20;

/// Measures each function.
pub(crate) async fn measure(settings: &Settings, table: &mut Table) -> Result<()> {
    let stack = &settings.stack;
    let token = call::token(stack).await?;
    let uploader = Uploader::connect(stack, &token).await?;
    let ingest = Ingest::new(stack)?;
    let index = Index::new(stack, &token)?;
    let [mut begin, mut complete, mut month, mut batch] = [(); 4].map(|()| Rounds::default());
    let mut bytes = 0;
    for _ in 0..settings.rounds {
        let mut took = [
            Latencies::new()?,
            Latencies::new()?,
            Latencies::new()?,
            Latencies::new()?,
        ];
        for _ in 0..CALLS {
            let [begun, completed] = upload(&uploader).await?;
            took[0].add(begun);
            took[1].add(completed);
            let (read, size) = index.call().await?;
            took[2].add(read);
            bytes = size;
            took[3].add(ingest.call().await?);
        }
        for (rounds, latencies) in [&mut begin, &mut complete, &mut month, &mut batch]
            .into_iter()
            .zip(&took)
        {
            rounds.add(latencies.p50());
        }
    }
    let pictures = settings.rounds * CALLS;
    for (what, figure) in [
        ("`uploads-begin`, 3 MB".to_owned(), begin),
        ("`uploads-complete`, 3 MB".to_owned(), complete),
        (
            format!("`pictures-index`, a month of up to {pictures} pictures, with links"),
            month,
        ),
        (format!("`analytics-ingest`, {BATCH} call logs"), batch),
    ] {
        table.figure(
            &format!("{what}: p50 of {CALLS} calls a round"),
            format!("{figure:.1} ms"),
        );
    }
    table.figure(
        &format!("the answer of `pictures-index` with {pictures} pictures"),
        format!("{bytes} bytes"),
    );
    Ok(())
}

/// Uploads a photo, and returns how long the first and the last call took.
async fn upload(uploader: &Uploader<'_>) -> Result<[Duration; 2]> {
    let parts = Parts::of(&picture(PHOTO));
    let started = Instant::now();
    let upload = uploader.begin(Way::Rest, parts.request()?).await?;
    let begun = started.elapsed();
    for (part, bytes) in upload.parts.into_iter().zip(parts.bytes) {
        let request = part.request.context("a part without a request")?;
        send(&uploader.http, request, bytes).await?;
    }
    let started = Instant::now();
    uploader.complete(Way::Rest, upload.id).await?;
    Ok([begun, started.elapsed()])
}

/// Reads a month of the caller's index.
struct Index {
    client: reqwest::Client,
    url: String,
    token: String,
}

impl Index {
    fn new(stack: &Stack, token: &str) -> Result<Self> {
        Ok(Self {
            client: call::http()?,
            url: format!("{}/pictures/index", stack.rest_url),
            token: token.to_owned(),
        })
    }

    /// How long the latest month took, and the size of its answer in bytes.
    async fn call(&self) -> Result<(Duration, usize)> {
        let months: Value = serde_json::from_slice(&self.get(&self.url).await?)?;
        let month = months["months"][0]["month"]
            .as_str()
            .with_context(|| format!("no month: {months}"))?;
        let url = format!("{}?month={month}&links=true", self.url);
        let started = Instant::now();
        let answer = self.get(&url).await?;
        Ok((started.elapsed(), answer.len()))
    }

    async fn get(&self, url: &str) -> Result<Vec<u8>> {
        let request = self.client.get(url).bearer_auth(&self.token);
        let response = request.send().await?.error_for_status()?;
        Ok(response.bytes().await?.into())
    }
}

/// Invokes `analytics-ingest` with batches.
struct Ingest {
    client: reqwest::Client,
    url: String,
}

impl Ingest {
    fn new(stack: &Stack) -> Result<Self> {
        Ok(Self {
            client: call::http()?,
            url: format!(
                "{}/2015-03-31/functions/analytics-ingest/invocations",
                stack.lambda_endpoint
            ),
        })
    }

    async fn call(&self) -> Result<Duration> {
        let records: Vec<_> = (0..BATCH).map(record).collect();
        let event = json!({"eventSource": "aws:kafka", "records": {"bench-0": records}});
        let started = Instant::now();
        let request = self.client.post(&self.url).json(&event);
        let answer: Value = request.send().await?.error_for_status()?.json().await?;
        let took = started.elapsed();
        ensure!(answer["batchItemFailures"] == json!([]), "{answer}");
        Ok(took)
    }
}

/// A call log as in AWS's Kafka event.
fn record(offset: usize) -> Value {
    let entry = json!({
        "transport": "rest",
        "service": "bench",
        "method": "BeginUpload",
        "status": 201,
        "duration_ms": 12.5,
        "user_id": Uuid::new_v4(),
        "trace_id": Uuid::new_v4().simple().to_string(),
        "at": "2026-01-01T00:00:00Z",
        "id": Uuid::now_v7(),
    });
    json!({
        "topic": "bench",
        "partition": 0,
        "offset": offset,
        "timestamp": 1_767_225_600_000_u64,
        "value": BASE64_STANDARD.encode(entry.to_string()),
    })
}

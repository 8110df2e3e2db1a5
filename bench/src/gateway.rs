//! What the gateway adds: gRPC to a function and back, against a direct Invoke of the same
//! function.

use std::time::{Duration, Instant};

use anyhow::Result;
use tokio::task::JoinSet;

use crate::{
    call::{self, Direct},
    settings::{Settings, Stack},
    stats::{Latencies, Rounds},
    table::Table,
};

/// How long one side is measured in one round.
const TURN: Duration = Duration::from_secs(2);

/// Connections at once, each with one call under way.
const CONNECTIONS: [usize; 2] = [1, 16];

/// Added at most, in milliseconds.
const ADDED: f64 = 0.5;

/// Of the direct calls' throughput at least.
const SHARE: f64 = 0.85;

/// Measures it at each number of connections.
pub(crate) async fn measure(settings: &Settings, table: &mut Table) -> Result<()> {
    let stack = &settings.stack;
    let token = call::token(stack).await?;
    for connections in CONNECTIONS {
        // To the functions' first calls and the connections' first packets.
        turn(connections, direct(stack, &token)).await?;
        turn(connections, grpc(stack, &token)).await?;
        let [mut direct_ms, mut grpc_ms, mut added] = [(); 3].map(|()| Rounds::default());
        let [mut direct_rate, mut grpc_rate, mut share] = [(); 3].map(|()| Rounds::default());
        for round in 0..settings.rounds {
            // Who goes first changes, so that nobody always meets a warm machine.
            let (straight, through) = if round % 2 == 0 {
                let straight = turn(connections, direct(stack, &token)).await?;
                (straight, turn(connections, grpc(stack, &token)).await?)
            } else {
                let through = turn(connections, grpc(stack, &token)).await?;
                (turn(connections, direct(stack, &token)).await?, through)
            };
            direct_ms.add(straight.latencies.p50());
            grpc_ms.add(through.latencies.p50());
            added.add(through.latencies.p50() - straight.latencies.p50());
            direct_rate.add(straight.rate());
            grpc_rate.add(through.rate());
            share.add(through.rate() / straight.rate());
        }
        let at = format!("{connections} connections");
        table.held(
            &format!("gateway, p50 added at {at}"),
            "0.5 ms",
            format!("{added} ms (gRPC {grpc_ms}, direct {direct_ms})"),
            added.median() <= ADDED,
        );
        table.held(
            &format!("gateway, throughput at {at}"),
            "85 % of direct",
            format!("{share} of direct (gRPC {grpc_rate:.0}/s, direct {direct_rate:.0}/s)"),
            share.median() >= SHARE,
        );
    }
    Ok(())
}

pub(crate) struct Turn {
    pub(crate) latencies: Latencies,
    took: Duration,
}

impl Turn {
    pub(crate) fn rate(&self) -> f64 {
        self.latencies.count() as f64 / self.took.as_secs_f64()
    }
}

pub(crate) type Caller = std::pin::Pin<Box<dyn Future<Output = Result<Latencies>> + Send>>;

/// Calls by so many callers at once, until the turn is over.
pub(crate) async fn turn(connections: usize, caller: impl Fn() -> Caller) -> Result<Turn> {
    let mut callers = JoinSet::new();
    let begun = Instant::now();
    for _ in 0..connections {
        callers.spawn(caller());
    }
    let mut latencies = Latencies::new()?;
    while let Some(done) = callers.join_next().await {
        latencies.merge(&done??)?;
    }
    Ok(Turn {
        latencies,
        took: begun.elapsed(),
    })
}

fn direct(stack: &Stack, token: &str) -> impl Fn() -> Caller {
    let (endpoint, token) = (stack.lambda_endpoint.clone(), token.to_owned());
    move || {
        let (endpoint, token) = (endpoint.clone(), token.clone());
        Box::pin(async move {
            let direct = Direct::new(&endpoint, &token)?;
            repeat(|| direct.call()).await
        })
    }
}

pub(crate) fn grpc(stack: &Stack, token: &str) -> impl Fn() -> Caller {
    let (url, token) = (stack.grpc_url.clone(), token.to_owned());
    move || {
        let (url, token) = (url.clone(), token.clone());
        Box::pin(async move {
            let client = call::connect(&url).await?;
            repeat(|| call::over_grpc(client.clone(), &token)).await
        })
    }
}

pub(crate) async fn repeat<C: Future<Output = Result<()>>>(
    call: impl Fn() -> C,
) -> Result<Latencies> {
    let mut latencies = Latencies::new()?;
    let until = Instant::now() + TURN;
    loop {
        let begun = Instant::now();
        if begun >= until {
            return Ok(latencies);
        }
        call().await?;
        latencies.add(begun.elapsed());
    }
}

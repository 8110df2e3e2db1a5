//! Measures two kinds of calls alternately.

use std::{
    pin::Pin,
    time::{Duration, Instant},
};

use anyhow::Result;
use tokio::task::JoinSet;

use crate::{
    call::{self, Direct},
    settings::Stack,
    stats::Latencies,
};

/// Length of a turn.
const TURN: Duration = Duration::from_secs(2);

/// Numbers of concurrent connections, each with one call at a time.
pub(crate) const CONNECTIONS: [usize; 2] = [1, 16];

/// A caller for the length of a turn.
pub(crate) type Caller = Pin<Box<dyn Future<Output = Result<Latencies>> + Send>>;

/// The results of a turn.
pub(crate) struct Turn {
    pub(crate) latencies: Latencies,
    took: Duration,
}

impl Turn {
    /// Calls per second.
    pub(crate) fn rate(&self) -> f64 {
        self.latencies.count() as f64 / self.took.as_secs_f64()
    }
}

/// The turns of both sides in every round. A turn of each beforehand warms up connections and
/// functions.
pub(crate) async fn in_turns(
    rounds: usize,
    connections: usize,
    one: impl Fn() -> Caller,
    other: impl Fn() -> Caller,
) -> Result<Vec<(Turn, Turn)>> {
    turn(connections, &one).await?;
    turn(connections, &other).await?;
    let mut turns = Vec::with_capacity(rounds);
    for round in 0..rounds {
        // Alternates which side goes first, so that neither always has a warm machine.
        turns.push(if round % 2 == 0 {
            let first = turn(connections, &one).await?;
            (first, turn(connections, &other).await?)
        } else {
            let first = turn(connections, &other).await?;
            (turn(connections, &one).await?, first)
        });
    }
    Ok(turns)
}

/// Runs one turn with concurrent callers.
async fn turn(connections: usize, caller: impl Fn() -> Caller) -> Result<Turn> {
    let mut callers = JoinSet::new();
    let started = Instant::now();
    for _ in 0..connections {
        callers.spawn(caller());
    }
    let mut latencies = Latencies::new()?;
    while let Some(done) = callers.join_next().await {
        latencies.merge(&done??)?;
    }
    Ok(Turn {
        latencies,
        took: started.elapsed(),
    })
}

/// Callers of Lambda's Invoke API.
pub(crate) fn direct(stack: &Stack, token: &str) -> impl Fn() -> Caller {
    let (endpoint, token) = (stack.lambda_endpoint.clone(), token.to_owned());
    move || {
        let (endpoint, token) = (endpoint.clone(), token.clone());
        Box::pin(async move {
            let direct = Direct::new(&endpoint, &token)?;
            repeat(|| direct.call()).await
        })
    }
}

/// Callers of the gateway.
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

/// Callers of the REST API.
pub(crate) fn rest(stack: &Stack, token: &str) -> impl Fn() -> Caller {
    let (url, token) = (stack.rest_url.clone(), token.to_owned());
    move || {
        let (url, token) = (url.clone(), token.clone());
        Box::pin(async move {
            let client = call::http()?;
            repeat(|| call::over_rest(&client, &url, &token)).await
        })
    }
}

async fn repeat<C: Future<Output = Result<()>>>(call: impl Fn() -> C) -> Result<Latencies> {
    let mut latencies = Latencies::new()?;
    let until = Instant::now() + TURN;
    loop {
        let started = Instant::now();
        if started >= until {
            return Ok(latencies);
        }
        call().await?;
        latencies.add(started.elapsed());
    }
}

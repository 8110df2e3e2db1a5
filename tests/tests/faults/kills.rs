//! Parts that are killed while calls are served: the supervisor starts them again, everything
//! recovers by itself, and nothing that was acknowledged is lost.

use std::{
    cell::{Cell, RefCell},
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, ensure};
use futures::future::{try_join, try_join_all};
use serde_json::json;
use tokio::time::sleep;
use trichrome_tests::{
    account::Account,
    call_logs, control,
    harness::Suite,
    images::Format,
    reply::text,
    scenario::Scenario,
    transport::Transport,
    wait::{SOON, eventually},
};
use uuid::Uuid;

use crate::outage::all_serve;

pub(crate) fn of_others(suite: &mut Suite) {
    add(suite, &["postgres", "ministack", "functions", "api"]);
}

/// Kafka and its client, the gateway.
pub(crate) fn of_kafka(suite: &mut Suite) {
    add(suite, &["kafka", "gateway"]);
}

fn add(suite: &mut Suite, parts: &'static [&'static str]) {
    for part in parts {
        suite.once(
            &format!("faults::{part}_is_killed_under_load"),
            move |run| killed(run, part),
        );
    }
}

/// Uploads over each transport that are acknowledged before the kill.
const BEFORE: usize = 3;

/// The pause after an upload that failed.
const PAUSE: Duration = Duration::from_millis(100);

/// How long the call logs of an outage may take to be stored.
const LOGGED: Duration = Duration::from_secs(90);

/// The uploads of one user over one transport.
struct Uploads {
    transport: Transport,
    account: Account,
    /// Picture and trace of those that were acknowledged.
    acknowledged: RefCell<Vec<(String, Uuid)>>,
    failed: Cell<usize>,
}

impl Uploads {
    async fn begin(run: &Scenario, transport: Transport) -> Result<Self> {
        Ok(Self {
            transport,
            account: Account::sign_up(run, transport).await?,
            acknowledged: RefCell::default(),
            failed: Cell::default(),
        })
    }

    /// Uploads one picture after the other.
    async fn go_on(&self, run: &Scenario, done: &Cell<bool>) -> Result<()> {
        let base64 = Format::Png.tiny().base64();
        while !done.get() {
            let trace = Uuid::new_v4();
            let args = json!({"title": "acknowledged", "base64": base64});
            let call = run.call_over(self.transport, "pictures-create", args)?;
            let reply = call.by(&self.account).trace(trace).send().await;
            match reply.and_then(|reply| reply.ok()) {
                Ok(created) => {
                    let id = text(&created, "id")?.to_owned();
                    self.acknowledged.borrow_mut().push((id, trace));
                }
                Err(_) => {
                    self.failed.set(self.failed.get() + 1);
                    sleep(PAUSE).await;
                }
            }
        }
        Ok(())
    }

    /// Waits until some uploads were acknowledged.
    async fn are_acknowledged(&self, count: usize) -> Result<()> {
        eventually(SOON, async || {
            let acknowledged = self.acknowledged.borrow().len();
            ensure!(
                acknowledged >= count,
                "{acknowledged} over {}",
                self.transport
            );
            Ok(())
        })
        .await
    }

    /// The acknowledged pictures that can't be read.
    async fn lost(&self, run: &Scenario) -> Result<usize> {
        let base64 = Format::Png.tiny().base64();
        let mut lost = 0;
        let acknowledged = self.acknowledged.borrow().clone();
        for (id, _) in acknowledged {
            let args = json!({"picture_id": id});
            let read = run.call_over(Transport::Grpc, "pictures-get", args)?;
            let read = read.by(&self.account).send().await?;
            lost += usize::from(!read.ok().is_ok_and(|picture| picture["base64"] == base64));
        }
        Ok(lost)
    }
}

async fn killed(run: Scenario, part: &'static str) -> Result<()> {
    all_serve(&run).await.context("before")?;
    let begun = Transport::ALL.map(|transport| Uploads::begin(&run, transport));
    let uploads = try_join_all(begun).await?;
    let done = Cell::new(false);
    let kill = async {
        try_join_all(uploads.iter().map(|it| it.are_acknowledged(BEFORE))).await?;
        control::kill(run.stack(), part).await?;
        let killed = Instant::now();
        let recovered = all_serve(&run).await;
        let took = killed.elapsed();
        done.set(true);
        recovered.with_context(|| format!("after {part} was killed"))?;
        Ok(took)
    };
    let loads = try_join_all(uploads.iter().map(|it| it.go_on(&run, &done)));
    let (took, _) = try_join(kill, loads).await?;
    eprintln!("{part} was killed: every transport serves again after {took:?}");
    let mut lost_by_transport = Vec::new();
    for upload in &uploads {
        let lost = upload.lost(&run).await?;
        eprintln!(
            "  {:14} {:4} acknowledged, {lost} lost, {} failed",
            upload.transport.to_string(),
            upload.acknowledged.borrow().len(),
            upload.failed.get(),
        );
        if lost > 0 {
            lost_by_transport.push(format!("{lost} over {}", upload.transport));
        }
    }
    ensure!(
        lost_by_transport.is_empty(),
        "acknowledged pictures were lost: {}",
        lost_by_transport.join(", ")
    );
    // The log of a call whose function, gateway or queue is killed just after the response may be
    // lost; README names these cases.
    if matches!(part, "kafka" | "postgres") {
        let traces: Vec<_> = uploads
            .iter()
            .flat_map(|it| it.acknowledged.borrow().clone())
            .map(|(_, trace)| trace)
            .collect();
        call_logs::all(&run.stack().postgres, &traces, LOGGED).await?;
    }
    Ok(())
}

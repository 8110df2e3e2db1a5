//! Replicas of the gateway that come and go while commands are served: none is lost, and none waits
//! long.

use std::{
    cell::{Cell, RefCell},
    time::{Duration, Instant},
};

use anyhow::{Result, ensure};
use futures::future::{try_join, try_join_all};
use serde_json::json;
use tokio::time::sleep;
use trichrome_proto::contract::by_function;
use trichrome_tests::{
    account::Account, clients::kafka::Record, control, gateway::Replica, harness::Suite,
    images::Format, scenario::Scenario, stored::Amount,
};
use uuid::Uuid;

use crate::outage::all_serve;

pub(crate) fn add(suite: &mut Suite) {
    suite.once("faults::gateways_come_and_go_under_load", churn);
}

/// The users who send commands, one at a time each.
const USERS: usize = 8;

/// How long the load goes on after each change, so that its effect is seen.
const SETTLED: Duration = Duration::from_secs(6);

/// The longest that a command may wait. A killed member's session of three seconds, the rebalance,
/// and allowance for a busy machine; with a session of ten seconds it is more.
const LONGEST: Duration = Duration::from_secs(9);

/// One user's commands: when each was sent, and how long its answer took.
struct Load {
    account: Account,
    waits: RefCell<Vec<(Instant, Duration)>>,
}

impl Load {
    async fn go_on(&self, run: &Scenario, done: &Cell<bool>) -> Result<()> {
        let kafka = &run.stack().kafka;
        let Some(create) = by_function("pictures-create") else {
            anyhow::bail!("no operation to call");
        };
        let args = json!({"title": "churn", "base64": Format::Png.tiny().base64()});
        while !done.get() {
            let event_id = Uuid::new_v4().to_string();
            let mut expected = kafka.expect(&event_id);
            let record = Record::command(create, &self.account.id, &event_id, &args);
            let sent = Instant::now();
            kafka.produce(&record.token(&self.account.token)).await?;
            let answer = expected.answer().await?;
            ensure!(answer.status()? == 201, "{}", answer.data);
            self.waits.borrow_mut().push((sent, sent.elapsed()));
        }
        Ok(())
    }
}

async fn churn(run: Scenario) -> Result<()> {
    let stack = run.stack();
    let mut loads = Vec::new();
    for _ in 0..USERS {
        loads.push(Load {
            account: run.account().await?,
            waits: RefCell::default(),
        });
    }
    let done = Cell::new(false);
    let changes = async {
        let mut changes = Vec::new();
        sleep(SETTLED / 3).await;
        let outcome = async {
            for round in 0..2 {
                let joined = Instant::now();
                let replica = Replica::start(stack).await?;
                changes.push(("a second gateway joins", joined));
                sleep(SETTLED).await;
                let left = Instant::now();
                if round == 0 {
                    replica.stop().await?;
                    changes.push(("it stops on SIGTERM", left));
                } else {
                    replica.kill().await?;
                    changes.push(("it is killed", left));
                }
                sleep(SETTLED).await;
            }
            let replica = Replica::start(stack).await?;
            sleep(SETTLED).await;
            let killed = Instant::now();
            control::kill(stack, "gateway").await?;
            changes.push(("the first gateway is killed and restarts", killed));
            sleep(SETTLED).await;
            replica.stop().await
        }
        .await;
        done.set(true);
        outcome.map(|()| changes)
    };
    let load = try_join_all(loads.iter().map(|load| load.go_on(&run, &done)));
    let (changes, _) = try_join(changes, load).await?;
    let mut longest = Duration::ZERO;
    for (what, at) in changes {
        let during = at..at + SETTLED;
        let waits = loads.iter().flat_map(|load| load.waits.borrow().clone());
        let overlapping =
            waits.filter(|(sent, took)| *sent < during.end && *sent + *took > during.start);
        let wait = overlapping.map(|(_, took)| took).max().unwrap_or_default();
        eprintln!("{what}: the longest wait is {wait:?}");
        longest = longest.max(wait);
    }
    let mut count = 0;
    for load in &loads {
        let sent = load.waits.borrow().len();
        count += sent;
        let all = Amount {
            objects: sent,
            rows: i32::try_from(sent)?,
            keys: i32::try_from(sent)?,
        };
        stack.stored.holds(&load.account.id, all).await?;
    }
    eprintln!("{count} commands, each with one effect and an answer");
    ensure!(longest < LONGEST, "a command waited for {longest:?}");
    all_serve(&run).await
}

//! Calls over each transport while the parts are replaced.

use std::{
    path::PathBuf,
    sync::atomic::{AtomicUsize, Ordering},
    time::Duration,
};

use anyhow::{Context as _, Result, bail, ensure};
use futures::future::try_join_all;
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};
use trichrome_proto::error::ErrorCode;
use trichrome_tests::{
    account::Account,
    images::Format,
    reply::{list, text},
    scenario::Scenario,
    transport::Transport,
};
use uuid::Uuid;

/// How long a call is repeated. A gateway stops within 15 s, and starts within seconds.
const REPEATED: Duration = Duration::from_secs(60);

/// Between the attempts of a call.
const PAUSE: Duration = Duration::from_millis(200);

/// The rounds that each transport must finish.
const ROUNDS: usize = 3;

/// The file whose appearance ends the traffic.
fn stop_file(run: &Scenario) -> PathBuf {
    run.stack().description.state.join("traffic-stop")
}

/// Creates, reads, lists and deletes pictures until the file `traffic-stop` appears. A call may only
/// fail such that its caller would repeat it: with `UNAVAILABLE`, or without an answer of a gateway
/// that is gone. Over Kafka and through the REST API, no call fails at all.
pub(crate) async fn traffic(run: Scenario) -> Result<()> {
    let callers = Transport::ALL.map(|transport| rounds(&run, transport));
    let counts = try_join_all(callers).await?;
    for (transport, (rounds, repeated)) in Transport::ALL.into_iter().zip(counts) {
        eprintln!("{transport}: {rounds} rounds, {repeated} calls repeated");
        ensure!(rounds >= ROUNDS, "{transport}: only {rounds} rounds");
    }
    Ok(())
}

/// The rounds of one transport, and the attempts that were repeated.
async fn rounds(run: &Scenario, transport: Transport) -> Result<(usize, usize)> {
    let caller = Caller {
        run,
        transport,
        account: Account::sign_up(run, Transport::Rest).await?,
        repeated: AtomicUsize::new(0),
    };
    let mut rounds = 0;
    while !stop_file(run).exists() {
        caller
            .round()
            .await
            .with_context(|| format!("round {rounds} over {transport}"))?;
        rounds += 1;
    }
    Ok((rounds, caller.repeated.into_inner()))
}

struct Caller<'a> {
    run: &'a Scenario,
    transport: Transport,
    account: Account,
    repeated: AtomicUsize,
}

impl Caller<'_> {
    async fn round(&self) -> Result<()> {
        let picture = Format::Png.tiny();
        let args = json!({"title": "in passing", "base64": picture.base64()});
        let created = self.call("pictures-create", args).await?;
        let id = text(&created, "id")?;
        let one = json!({"picture_id": id});
        let read = self.call("pictures-get", one.clone()).await?;
        ensure!(read["base64"] == picture.base64(), "other bytes came back");
        let listed = self.call("pictures-list", json!({})).await?;
        let found = list(&listed, "pictures")?;
        ensure!(
            found.len() == 1 && found[0]["id"] == id,
            "listed: {} pictures",
            found.len()
        );
        let user = json!({"user_id": self.account.id});
        let user = self.call("users-get", user).await?;
        ensure!(user["username"] == self.account.username.as_str(), "{user}");
        self.call("pictures-delete", one).await?;
        Ok(())
    }

    /// A call that is repeated with the same idempotency key while it fails as it may.
    async fn call(&self, function: &str, args: Value) -> Result<Value> {
        let key = Uuid::new_v4().to_string();
        let started = Instant::now();
        for attempt in 0.. {
            let request = self.run.call_over(self.transport, function, args.clone())?;
            let failure = match request.by(&self.account).key(&key).send().await {
                Ok(reply) => match reply.code() {
                    None => return reply.ok(),
                    // An earlier attempt deleted it; version 0.1 doesn't remember that.
                    Some(ErrorCode::NotFound) if attempt > 0 && function == "pictures-delete" => {
                        return Ok(Value::Null);
                    }
                    Some(ErrorCode::Unavailable) => anyhow::anyhow!("{}", reply.message()),
                    Some(_) => return reply.ok(),
                },
                Err(error) if self.may_be_lost() && is_lost(&error) => error,
                Err(error) => return Err(error),
            };
            ensure!(self.may_be_lost(), "{function}: {failure:#}");
            if started.elapsed() > REPEATED {
                return Err(failure.context(format!("{function} kept failing")));
            }
            self.repeated.fetch_add(1, Ordering::Relaxed);
            sleep(PAUSE).await;
        }
        bail!("not reached")
    }

    /// Whether the gateway answers, rather than a record or the REST API.
    fn may_be_lost(&self) -> bool {
        !matches!(self.transport, Transport::Kafka | Transport::Rest)
    }
}

/// Whether there is no answer, because the gateway can't be reached or has gone.
fn is_lost(error: &anyhow::Error) -> bool {
    let text = format!("{error:#}");
    let http = error
        .chain()
        .filter_map(|cause| cause.downcast_ref::<reqwest::Error>())
        .any(|error| error.is_connect() || error.is_request() || error.is_body());
    // What gRPC libraries report when a connection fails or ends.
    http || text.contains("no connection:") || text.contains("a status without an error-code")
}

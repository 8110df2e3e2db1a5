//! `cargo xtask up`.

use std::{path::Path, time::Instant};

use anyhow::{Result, bail};
use clap::Args;

use crate::{
    builds,
    progress::say,
    stack::{self, Ports, Stack, Supervisor},
};

#[derive(Args)]
pub(crate) struct Options {}

pub(crate) fn run(_: &Options) -> Result<()> {
    let started = Instant::now();
    let Some(lock) = Stack::lock("up")? else {
        bail!("it is running already: use it, or stop it with `cargo xtask down`");
    };
    // Before anything is installed or built: the answer should not take minutes.
    Ports::fixed()?;
    let (broker, ()) = stack::set_up(builds::programs)?;
    let stack = Stack::new("up", Ports::fixed()?, broker, lock)?;
    let mut supervisor = Supervisor::start(stack)?;
    summary(supervisor.stack(), started);
    supervisor.watch(|| false)
}

fn summary(stack: &Stack, started: Instant) {
    let ports = stack.ports;
    let root = crate::workspace::root();
    let relative = |path: &Path| {
        path.strip_prefix(root)
            .unwrap_or(path)
            .display()
            .to_string()
    };
    say(format!(
        r#"
Trichrome is up, after {seconds} s. Ctrl-C stops it.

  gateway   http://localhost:{gateway}   (/rest, /grpc and /events; /docs, /metrics, /readyz)
  REST      http://localhost:{rest}
  gRPC      localhost:{grpc}
  Kafka     localhost:{kafka}
  logs      {logs}   (cargo xtask logs gateway -f)

Lines to paste, for a user over REST, its token over gRPC, and again over Kafka:

curl -sS localhost:{rest}/signup -H 'content-type: application/json' -d '{user}'
{buf} curl --protocol grpc --http2-prior-knowledge -d '{user}' http://localhost:{grpc}/auth.Auth/Login
(sleep 1; echo 'login:{user}' | kcat -P -b localhost:{kafka} -t auth -K:) & kcat -C -q -b localhost:{kafka} -t results -o end -c 1"#,
        seconds = started.elapsed().as_secs(),
        gateway = ports.gateway,
        rest = ports.lambda,
        grpc = ports.grpc,
        kafka = ports.kafka,
        logs = relative(&stack.logs),
        user = r#"{"username":"ada","password":"correct horse"}"#,
        buf = relative(&crate::tools::node_program("buf")),
    ));
}

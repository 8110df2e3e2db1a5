//! `cargo xtask up`.

use std::time::Instant;

use anyhow::{Result, bail};
use clap::Args;

use crate::stack::{self, Ports, Stack, Supervisor};

#[derive(Args)]
pub(crate) struct Options {}

pub(crate) fn run(_: &Options) -> Result<()> {
    let started = Instant::now();
    if stack::is_running(&Stack::state("up")) {
        bail!("it is running already: use it, or stop it with `cargo xtask down`");
    }
    // Before anything is installed or built: the answer should not take minutes.
    Ports::fixed()?;
    let broker = stack::set_up()?;
    let stack = Stack::new("up", Ports::fixed()?, broker)?;
    let mut supervisor = Supervisor::start(stack)?;
    summary(supervisor.stack(), started);
    supervisor.watch(|| false)
}

fn summary(stack: &Stack, started: Instant) {
    let ports = stack.ports;
    let root = crate::workspace::root();
    let buf = crate::tools::node_program("buf");
    let buf = buf.strip_prefix(root).unwrap_or(&buf).display();
    let rest = ports.lambda;
    println!(
        r#"
Trichrome is up, after {seconds} s. Ctrl-C stops it.

  web app, facade   http://localhost:{gateway}/          (/docs, /metrics, /readyz)
  REST              http://localhost:{rest}
  gRPC              localhost:{grpc}                (reflection is on)
  Kafka             localhost:{kafka}
  logs              cargo xtask logs <part>        ({logs})

Try it:
  curl -sS localhost:{rest}/signup -H 'content-type: application/json' -d '{{"username":"ada","password":"correct horse"}}'
  {buf} curl --protocol grpc --http2-prior-knowledge -d '{{"username":"ada","password":"correct horse"}}' http://localhost:{grpc}/auth.Auth/Login
  echo 'login:{{"username":"ada","password":"correct horse"}}' | kcat -b localhost:{kafka} -t auth -P -K: && kcat -b localhost:{kafka} -t results -C -o -1 -c 1
"#,
        seconds = started.elapsed().as_secs(),
        gateway = ports.gateway,
        grpc = ports.grpc,
        kafka = ports.kafka,
        logs = stack
            .logs
            .strip_prefix(root)
            .unwrap_or(&stack.logs)
            .display(),
    );
}

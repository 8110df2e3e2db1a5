//! Another gateway beside the stack's own, as a second replica.

use std::{
    net::TcpListener,
    process::{Child, Command, Stdio},
    time::Duration,
};

use anyhow::{Context as _, Result, ensure};
use rustix::process::{Pid, Signal, kill_process};
use tokio::time::sleep;

use crate::{stack::Stack, wait::eventually};

/// The timeouts for becoming ready and for stopping. It drains for up to ten seconds.
const TIMEOUT: Duration = Duration::from_secs(60);

/// A running gateway, which is killed when it is dropped.
pub struct Replica {
    process: Child,
    admin_url: String,
}

impl Replica {
    /// Starts a gateway with the environment of the stack's own, and waits until it is ready.
    pub async fn start(stack: &Stack) -> Result<Self> {
        let description = &stack.description;
        let program = description.gateway_program.as_ref();
        let program = program.context("the stack's gateway is not a program of this machine")?;
        let [http, grpc, admin] = free_addresses()?;
        let log = std::fs::File::create(description.logs.join("second-gateway.log"))?;
        let process = Command::new(program)
            .envs(&description.gateway_environment)
            .env("GATEWAY_HTTP_ADDR", &http)
            .env("GATEWAY_GRPC_ADDR", &grpc)
            .env("GATEWAY_ADMIN_ADDR", &admin)
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .spawn()?;
        let replica = Self {
            process,
            admin_url: format!("http://{admin}"),
        };
        eventually(TIMEOUT, async || {
            let ready = stack
                .http
                .get(&format!("{}/readyz", replica.admin_url))
                .await?;
            ensure!(ready.status == 200, "{}: {}", ready.status, ready.start());
            Ok(())
        })
        .await
        .context("the second gateway")?;
        Ok(replica)
    }

    /// Asks it to stop with SIGTERM, and waits until it has.
    pub async fn stop(mut self) -> Result<()> {
        let id = i32::try_from(self.process.id())?;
        kill_process(Pid::from_raw(id).context("no process id")?, Signal::TERM)?;
        eventually(TIMEOUT, async || {
            let status = self.process.try_wait()?.context("it is still running")?;
            ensure!(status.success(), "it ended with {status}");
            Ok(())
        })
        .await
    }

    /// Kills it with SIGKILL.
    pub async fn kill(mut self) -> Result<()> {
        self.process.kill()?;
        while self.process.try_wait()?.is_none() {
            sleep(Duration::from_millis(5)).await;
        }
        Ok(())
    }
}

impl Drop for Replica {
    fn drop(&mut self) {
        // Fails if it has ended.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Addresses that nothing listens on.
fn free_addresses() -> Result<[String; 3]> {
    let mut listeners = Vec::new();
    for _ in 0..3 {
        listeners.push(TcpListener::bind("127.0.0.1:0")?);
    }
    let mut addresses = Vec::new();
    for listener in &listeners {
        addresses.push(listener.local_addr()?.to_string());
    }
    <[String; 3]>::try_from(addresses).map_err(|_| anyhow::anyhow!("three addresses"))
}

//! Another gateway beside the stack's own, as a second replica.

use std::{
    net::{Ipv4Addr, TcpListener},
    ops::Range,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::Duration,
};

use anyhow::{Context as _, Result, ensure};
use rustix::process::{Pid, Signal, kill_process};
use tokio::time::sleep;
use uuid::Uuid;

use crate::{stack::Stack, wait::eventually};

/// The timeouts for becoming ready and for stopping. It drains for up to ten seconds.
const TIMEOUT: Duration = Duration::from_secs(60);

/// The ports to listen on: below those of outgoing connections, which other tests make, and above those
/// of the stacks.
const PORTS: Range<u16> = 29_100..32_000;

/// A running gateway, which is killed when it is dropped.
pub struct Replica {
    process: Child,
    http_url: String,
    admin_url: String,
    log: PathBuf,
}

impl Replica {
    /// Starts a gateway with the environment of the stack's own, and waits until it is ready.
    pub async fn start(stack: &Stack) -> Result<Self> {
        let replica = Self::launch(stack, "second-gateway", &[])?;
        replica.is_ready(stack).await?;
        Ok(replica)
    }

    /// Starts a gateway with other variables than the stack's own.
    pub fn launch(stack: &Stack, name: &str, variables: &[(&str, &str)]) -> Result<Self> {
        let description = &stack.description;
        let program = description.gateway_program.as_ref();
        let program = program.context("the stack's gateway is not a program of this machine")?;
        let [http, grpc, admin] = free_addresses()?;
        let log = description.logs.join(format!("{name}.log"));
        let output = std::fs::File::create(&log)?;
        let process = Command::new(program)
            .envs(&description.gateway_environment)
            .env("GATEWAY_HTTP_ADDR", &http)
            .env("GATEWAY_GRPC_ADDR", &grpc)
            .env("GATEWAY_ADMIN_ADDR", &admin)
            .envs(variables.iter().copied())
            .stdin(Stdio::null())
            .stdout(output.try_clone()?)
            .stderr(output)
            .spawn()?;
        Ok(Self {
            process,
            http_url: format!("http://{http}"),
            admin_url: format!("http://{admin}"),
            log,
        })
    }

    /// What `/readyz` answers.
    pub async fn readiness(&self, stack: &Stack) -> Result<(u16, String)> {
        let url = format!("{}/readyz", self.admin_url);
        let answer = stack.http.get(&url).await?;
        let report = String::from_utf8_lossy(&answer.body).into_owned();
        Ok((answer.status, report))
    }

    /// Waits until it is ready.
    pub async fn is_ready(&self, stack: &Stack) -> Result<()> {
        eventually(TIMEOUT, async || {
            let (status, report) = self.readiness(stack).await?;
            ensure!(status == 200, "{status}: {report}");
            Ok(())
        })
        .await
        .context("the second gateway")
    }

    /// The address of its facade.
    pub fn http_url(&self) -> &str {
        &self.http_url
    }

    /// The address of its operator's pages.
    pub fn admin_url(&self) -> &str {
        &self.admin_url
    }

    /// Its log.
    pub fn log(&self) -> &Path {
        &self.log
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
    let [first, second, ..] = Uuid::new_v4().into_bytes();
    let start = usize::from(u16::from_be_bytes([first, second])) % PORTS.len();
    let ports = PORTS.cycle().skip(start).take(PORTS.len());
    // Held until there are three.
    let listeners: Vec<_> = ports
        .filter_map(|port| TcpListener::bind((Ipv4Addr::LOCALHOST, port)).ok())
        .take(3)
        .collect();
    let addresses: Vec<_> = listeners
        .iter()
        .map(|listener| Ok(listener.local_addr()?.to_string()))
        .collect::<Result<_>>()?;
    <[String; 3]>::try_from(addresses).map_err(|_| anyhow::anyhow!("no three ports are free"))
}

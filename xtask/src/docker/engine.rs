//! A Docker engine: the machine's, where one answers, else one of our own for as long as it
//! is needed (`dockerd`, as root).

use std::{
    fs,
    hash::{DefaultHasher, Hash as _, Hasher as _},
    path::PathBuf,
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, bail};
use rustix::process::{Signal, geteuid};

use super::Unavailable;
use crate::{
    interrupt, process,
    progress::Step,
    tools,
    workspace::{local, root},
};

/// What an engine may take to answer, and to end.
const START_TIMEOUT: Duration = Duration::from_secs(60);
const STOP_TIMEOUT: Duration = Duration::from_secs(20);
const POLL: Duration = Duration::from_millis(100);

/// An engine that answers.
pub(crate) struct Engine {
    /// `DOCKER_HOST`, where it is not the client's own default.
    host: Option<String>,
    /// The engine of our own.
    own: Option<Child>,
}

impl Engine {
    /// Finds one, or starts one.
    ///
    /// # Errors
    ///
    /// Our own does not start. That there is none is no error: the inner answer says why.
    pub(crate) fn find() -> Result<std::result::Result<Self, Unavailable>> {
        let unavailable = |why: &str| Ok(Err(Unavailable(why.to_owned())));
        if !runs(Command::new("docker").arg("--version")) {
            return unavailable("there is no `docker` (on Debian: apt-get install docker.io)");
        }
        let machine = Self {
            host: None,
            own: None,
        };
        if machine.answers() {
            return Ok(Ok(machine));
        }
        if !runs(Command::new("dockerd").arg("--version")) {
            return unavailable("no Docker engine answers, and there is no `dockerd` to start");
        }
        if !geteuid().is_root() {
            return unavailable("no Docker engine answers; start it (only root could do it here)");
        }
        Self::start().map(Ok)
    }

    /// One of our own: on a socket of its own, with its images under `.local`, and without a
    /// network bridge, so that it leaves the machine's firewall and interfaces alone. What
    /// runs in it uses the machine's network.
    fn start() -> Result<Self> {
        let mut step = Step::begin("Docker engine of our own");
        let folder = folder();
        fs::create_dir_all(&folder)?;
        let host = format!("unix://{}", folder.join("docker.sock").display());
        let log = tools::logs()?.join("dockerd.log");
        let output = fs::File::create(&log)?;
        let mut command = Command::new("dockerd");
        command
            .args(["--host", &host, "--storage-driver", "overlay2"])
            .args(["--bridge", "none", "--iptables=false"])
            .arg("--data-root")
            .arg(local().join("docker"))
            .arg("--exec-root")
            .arg(folder.join("exec"))
            .arg("--pidfile")
            .arg(folder.join("dockerd.pid"))
            .stdout(output.try_clone()?)
            .stderr(output);
        let mut engine = Self {
            host: Some(host),
            own: Some(process::spawn(&mut command)?),
        };
        let started = Instant::now();
        while !engine.answers() {
            interrupt::check()?;
            let ended = engine
                .own
                .as_mut()
                .is_some_and(|child| !matches!(child.try_wait(), Ok(None)));
            if ended || started.elapsed() > START_TIMEOUT {
                step.end(false);
                bail!("dockerd does not serve:\n{}", process::tail(&log, 15));
            }
            step.tick("");
            thread::sleep(POLL);
        }
        step.end(true);
        Ok(engine)
    }

    /// Whether it is one of our own, into which stand-ins may be put.
    pub(crate) fn is_own(&self) -> bool {
        self.own.is_some()
    }

    /// The client, bound to this engine.
    pub(crate) fn docker(&self) -> Command {
        let mut command = Command::new("docker");
        if let Some(host) = &self.host {
            command.env("DOCKER_HOST", host);
        }
        command
    }

    /// Whether a client's command succeeds; its output is dropped.
    pub(crate) fn try_run(&self, arguments: &[&str]) -> bool {
        runs(self.docker().args(arguments))
    }

    /// What a client's command prints.
    pub(crate) fn output(&self, arguments: &[&str]) -> Result<String> {
        let output = self
            .docker()
            .args(arguments)
            .stdin(Stdio::null())
            .output()
            .context("cannot start docker")?;
        if !output.status.success() {
            bail!(
                "docker {}: {}",
                arguments.join(" "),
                String::from_utf8_lossy(&output.stderr).trim()
            );
        }
        Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
    }

    fn answers(&self) -> bool {
        self.try_run(&["version"])
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        if let Some(child) = &mut self.own {
            process::stop(child, Signal::TERM, STOP_TIMEOUT);
        }
    }
}

/// For sockets and the like: in a place with a short name, because a socket's path may have
/// no more than 107 bytes (unix(7)), and one a clone.
fn folder() -> PathBuf {
    let mut hasher = DefaultHasher::new();
    root().hash(&mut hasher);
    std::env::temp_dir().join(format!("trichrome-docker-{:016x}", hasher.finish()))
}

fn runs(command: &mut Command) -> bool {
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

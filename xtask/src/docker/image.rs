//! The gateway's image: built by its Dockerfile, run as it is meant to be run.

use std::{
    fs,
    process::{Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, bail, ensure};

use super::{Engine, Unavailable, bases};
use crate::{interrupt, process, progress::say, tools, workspace::root};

const DOCKERFILE: &str = "gateway/Dockerfile";
const TAG: &str = "trichrome/gateway:test";

/// Where the container finds the built web app.
const WEB_ROOT: &str = "/srv/web";

/// A call that is under way gets ten seconds (`DRAIN_TIMEOUT_MS`); the rest is the engine's.
const STOP_SECONDS: u64 = 12;

/// As often as a container may be looked at by the engine's health check until it is well.
const HEALTH_TIMEOUT: Duration = Duration::from_secs(30);

/// Proxies are the machine's business: the engine hands them to a build and keeps them out
/// of the image.
const PROXIES: [&str; 3] = ["HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY"];

/// The image, in an engine.
pub(crate) struct Image {
    engine: Engine,
    container: String,
}

impl Image {
    /// Builds it. What the last build left is used again, as far as nothing changed.
    pub(crate) fn build(engine: Engine) -> Result<std::result::Result<Self, Unavailable>> {
        if let Err(unavailable) = bases::provide(&engine, &root().join(DOCKERFILE))? {
            return Ok(Err(unavailable));
        }
        let mut command = engine.docker();
        // The machine's network: an engine of our own has no other.
        command.args(["build", "--network", "host", "--file", DOCKERFILE]);
        for proxy in PROXIES {
            if std::env::var_os(proxy).is_some() {
                command.args(["--build-arg", proxy]);
            }
        }
        command.args(["--tag", TAG, "."]).current_dir(root());
        process::run_logged(
            &mut command,
            "the gateway's image",
            &tools::logs()?.join("docker-build.log"),
        )?;
        Self::built(engine).map(Ok)
    }

    /// The one that was built last.
    ///
    /// # Errors
    ///
    /// There is none.
    pub(crate) fn built(engine: Engine) -> Result<Self> {
        let image = Self {
            engine,
            container: format!("trichrome-gateway-test-{}", std::process::id()),
        };
        let bytes: u64 = image.ask_image("{{.Size}}")?.parse()?;
        say(format!(
            "  {TAG}: {:.1} MB",
            Duration::from_micros(bytes).as_secs_f64()
        ));
        Ok(image)
    }

    /// A container of it in the foreground, in the machine's network, with nothing that it
    /// does not need: SIGTERM to the client goes on to the gateway.
    pub(crate) fn command(&self, variables: &[(&str, String)]) -> Command {
        // What a client that was killed may have left.
        self.remove();
        let mut command = self.engine.docker();
        command
            .args([
                "run",
                "--rm",
                "--network",
                "host",
                "--name",
                &self.container,
            ])
            .args(["--read-only", "--cap-drop", "ALL", "--pids-limit", "256"])
            .args(["--security-opt", "no-new-privileges"]);
        for (name, value) in variables {
            if *name == "WEB_ROOT" {
                command.args(["--volume", &format!("{value}:{WEB_ROOT}:ro")]);
                command.args(["--env", &format!("{name}={WEB_ROOT}")]);
            } else {
                command.args(["--env", &format!("{name}={value}")]);
            }
        }
        command.arg(TAG);
        command
    }

    /// Holds a running container against what the Dockerfile promises.
    pub(crate) fn check_running(&self) -> Result<()> {
        let pid = self.ask("{{.State.Pid}}")?;
        let status = fs::read_to_string(format!("/proc/{pid}/status"))
            .context("the engine's processes are not this machine's")?;
        let uids = status
            .lines()
            .find_map(|line| line.strip_prefix("Uid:"))
            .context("no user")?;
        ensure!(
            uids.split_whitespace().all(|uid| uid == "10001"),
            "it runs as{uids}"
        );
        let none = status
            .lines()
            .find_map(|line| line.strip_prefix("CapEff:"))
            .context("no capabilities")?;
        ensure!(
            none.trim().bytes().all(|digit| digit == b'0'),
            "it may{none}"
        );
        ensure!(
            !self
                .engine
                .try_run(&["exec", &self.container, "touch", "/tmp/x"]),
            "its root can be written to"
        );
        self.await_health()?;
        say("  runs as 10001, without capabilities, on a root that is read-only; healthy");
        Ok(())
    }

    fn await_health(&self) -> Result<()> {
        let started = Instant::now();
        loop {
            let health = self.ask("{{.State.Health.Status}}")?;
            if health == "healthy" {
                return Ok(());
            }
            interrupt::check()?;
            ensure!(
                started.elapsed() < HEALTH_TIMEOUT,
                "it is {health}: {}",
                self.ask("{{json .State.Health.Log}}")?
            );
            thread::sleep(Duration::from_millis(250));
        }
    }

    /// Ends the container at once.
    pub(crate) fn kill(&self) {
        self.engine.try_run(&["kill", &self.container]);
    }

    /// Asks the container to end, as `docker stop` does, and holds it to its word: an exit
    /// status of 0, within the time of a drain.
    pub(crate) fn check_stop(&self) -> Result<()> {
        let waiting = self
            .engine
            .docker()
            .args(["wait", &self.container])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()?;
        let asked = Instant::now();
        let seconds = STOP_SECONDS.to_string();
        self.engine
            .output(&["stop", "-t", &seconds, &self.container])?;
        let took = asked.elapsed();
        let code = waiting.wait_with_output()?.stdout;
        let code = String::from_utf8_lossy(&code).trim().to_owned();
        if code != "0" {
            bail!(
                "asked to stop, it ended with {code} after {took:.1?} (137: it had to be killed)"
            );
        }
        say(format!(
            "  stops gracefully: exit status 0 after {took:.1?}"
        ));
        Ok(())
    }

    fn ask(&self, template: &str) -> Result<String> {
        self.engine.output(&[
            "container",
            "inspect",
            "--format",
            template,
            &self.container,
        ])
    }

    fn ask_image(&self, template: &str) -> Result<String> {
        self.engine
            .output(&["image", "inspect", "--format", template, TAG])
    }

    fn remove(&self) {
        self.engine.try_run(&["rm", "--force", &self.container]);
    }
}

impl Drop for Image {
    fn drop(&mut self) {
        self.remove();
    }
}

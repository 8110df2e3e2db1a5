//! The gateway's container image under test.

use std::{
    fs,
    process::{Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, bail, ensure};

use crate::{interrupt, process, progress::say, tools, workspace::root};

const DOCKERFILE: &str = "gateway/Dockerfile";
const TAG: &str = "trichrome/gateway:test";

/// Where the container has the built web app.
const WEB_ROOT: &str = "/srv/web";

/// The gateway drains for up to ten seconds (`DRAIN_TIMEOUT_MS`); the rest is Docker's.
const STOP_SECONDS: u64 = 12;

/// Time allowed until Docker's health check passes.
const HEALTH_TIMEOUT: Duration = Duration::from_secs(30);

/// The machine's proxies, which Docker passes to a build and keeps out of the image.
const PROXIES: [&str; 3] = ["HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY"];

/// Whether a Docker engine answers.
pub(crate) fn has_docker() -> bool {
    process::succeeds(docker().arg("version"))
}

fn docker() -> Command {
    Command::new("docker")
}

/// The image, and the name of its container.
pub(crate) struct Image {
    container: String,
}

impl Image {
    /// Builds the image. The base images have to be in their registry or loaded beforehand.
    pub(crate) fn build() -> Result<Self> {
        let mut command = docker();
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
        Self::built()
    }

    /// The image of the last build.
    ///
    /// # Errors
    ///
    /// There is none.
    pub(crate) fn built() -> Result<Self> {
        let image = Self {
            container: format!("trichrome-gateway-test-{}", std::process::id()),
        };
        let bytes: u64 = output(&["image", "inspect", "--format", "{{.Size}}", TAG])?.parse()?;
        say(format!(
            "  {TAG}: {:.1} MB",
            Duration::from_micros(bytes).as_secs_f64()
        ));
        Ok(image)
    }

    /// Runs a container in the foreground, on the host's network and without privileges. The
    /// client passes SIGTERM on to the gateway.
    pub(crate) fn command(&self, variables: &[(&str, String)]) -> Command {
        // Left over if the client was killed.
        self.remove();
        let mut command = docker();
        command
            .args(["run", "--rm", "--network", "host"])
            .args(["--name", &self.container])
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

    /// Checks the user, the capabilities, the read-only root and the health of the running
    /// container.
    pub(crate) fn check_running(&self) -> Result<()> {
        let pid = self.inspect("{{.State.Pid}}")?;
        let status = fs::read_to_string(format!("/proc/{pid}/status"))
            .context("the container's processes aren't visible on this machine")?;
        let field = |name: &str| status.lines().find_map(|line| line.strip_prefix(name));
        let uids = field("Uid:").context("no user")?;
        ensure!(
            uids.split_whitespace().all(|uid| uid == "10001"),
            "it runs as{uids}"
        );
        let capabilities = field("CapEff:").context("no capabilities")?.trim();
        ensure!(
            capabilities.bytes().all(|digit| digit == b'0'),
            "it has capabilities: {capabilities}"
        );
        ensure!(
            !process::succeeds(docker().args(["exec", &self.container, "touch", "/tmp/x"])),
            "its root is writable"
        );
        self.await_health()?;
        say("  runs as 10001, without capabilities, on a read-only root; healthy");
        Ok(())
    }

    fn await_health(&self) -> Result<()> {
        let started = Instant::now();
        loop {
            let health = self.inspect("{{.State.Health.Status}}")?;
            if health == "healthy" {
                return Ok(());
            }
            interrupt::check()?;
            ensure!(
                started.elapsed() < HEALTH_TIMEOUT,
                "it is {health}: {}",
                self.inspect("{{json .State.Health.Log}}")?
            );
            thread::sleep(Duration::from_millis(250));
        }
    }

    /// Kills the container.
    pub(crate) fn kill(&self) {
        process::succeeds(docker().args(["kill", &self.container]));
    }

    /// Stops the container as `docker stop` does, and checks that it exits with 0 in time.
    pub(crate) fn check_stop(&self) -> Result<()> {
        let waiting = docker()
            .args(["wait", &self.container])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()?;
        let started = Instant::now();
        output(&["stop", "-t", &STOP_SECONDS.to_string(), &self.container])?;
        let took = started.elapsed();
        let code = waiting.wait_with_output()?.stdout;
        let code = String::from_utf8_lossy(&code).trim().to_owned();
        if code != "0" {
            bail!("stopping took {took:.1?} and ended with status {code} (137: killed)");
        }
        say(format!(
            "  stops gracefully: exit status 0 after {took:.1?}"
        ));
        Ok(())
    }

    fn inspect(&self, template: &str) -> Result<String> {
        output(&[
            "container",
            "inspect",
            "--format",
            template,
            &self.container,
        ])
    }

    fn remove(&self) {
        process::succeeds(docker().args(["rm", "--force", &self.container]));
    }
}

impl Drop for Image {
    fn drop(&mut self) {
        self.remove();
    }
}

/// The output of a Docker command.
fn output(arguments: &[&str]) -> Result<String> {
    let output = docker()
        .args(arguments)
        .stdin(Stdio::null())
        .output()
        .context("cannot start docker")?;
    ensure!(
        output.status.success(),
        "docker {}: {}",
        arguments.join(" "),
        String::from_utf8_lossy(&output.stderr).trim()
    );
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

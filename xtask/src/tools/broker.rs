//! The Kafka broker: built from source once, and kept.

use std::{
    fs::{self, File},
    path::PathBuf,
    process::{Child, Command},
    time::Duration,
};

use anyhow::{Context as _, Result, bail};
use rustix::process::Signal;

use super::{directory, fingerprint, logs, once};
use crate::{
    builds::Counter,
    process,
    progress::Step,
    workspace::{cargo, local, root},
};

const NAME: &str = "local-kafka";

/// What the build may take to end when it is given up.
const STOP_TIMEOUT: Duration = Duration::from_secs(5);

/// The broker, or its building.
pub(crate) struct Broker {
    program: PathBuf,
    log: PathBuf,
    building: Option<Child>,
}

impl Broker {
    /// Starts building, in the background, unless this version was built before.
    pub(crate) fn begin() -> Result<Self> {
        let program = directory().join(format!("{NAME}-{}", fingerprint(&inputs())?));
        let log = logs()?.join("kafka-build.log");
        let building = if program.exists() {
            None
        } else {
            let output = File::create(&log)?;
            let mut command = command("build");
            command.stdout(output.try_clone()?).stderr(output);
            Some(process::spawn(&mut command)?)
        };
        Ok(Self {
            program,
            log,
            building,
        })
    }

    /// Waits until it is built; answers the program.
    pub(crate) fn finish(mut self) -> Result<PathBuf> {
        if let Some(mut child) = self.building.take() {
            let mut step = Step::begin("Kafka broker, built once");
            let counter = Counter::new(&self.log, total());
            let status = process::wait(&mut child, || step.tick(&counter.remark()));
            step.end(matches!(status, Ok(status) if status.success()));
            if !status?.success() {
                bail!(
                    "the Kafka broker did not build:\n{}",
                    process::tail(&self.log, 30)
                );
            }
            fs::create_dir_all(directory())?;
            // In two steps: another program may be at it as well, or be running the old one.
            let new = self.program.with_extension("new");
            fs::copy(build_directory().join("release").join(NAME), &new)
                .and_then(|_| fs::rename(new, &self.program))
                .with_context(|| format!("cannot write {}", self.program.display()))?;
        }
        Ok(self.program.clone())
    }

    /// How far the building is, to be told beside another step; `None` if nothing is built.
    pub(crate) fn progress(&self) -> Option<Counter> {
        self.building
            .as_ref()
            .map(|_| Counter::new(&self.log, total()))
    }

    /// The broker's own tests, once for each version of it.
    pub(crate) fn test() -> Result<()> {
        let mut inputs = inputs().to_vec();
        inputs.push(source().join("tests"));
        once("kafka-tests", &inputs, || {
            process::run_logged(
                &mut command("test"),
                "Kafka broker's own tests",
                &logs()?.join("kafka-test.log"),
            )
        })
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        if let Some(child) = &mut self.building {
            process::stop(child, Signal::TERM, STOP_TIMEOUT);
        }
    }
}

fn source() -> PathBuf {
    root().join("localstack/kafka")
}

fn inputs() -> [PathBuf; 3] {
    ["Cargo.toml", "Cargo.lock", "src"].map(|name| source().join(name))
}

fn build_directory() -> PathBuf {
    local().join("build/kafka")
}

fn command(what: &str) -> Command {
    let mut command = cargo();
    command
        .args([what, "--release", "--locked"])
        .current_dir(source())
        .env("CARGO_TARGET_DIR", build_directory());
    command
}

/// Packages in the broker's lock file: about as many as are compiled.
fn total() -> Option<usize> {
    let lock = fs::read_to_string(source().join("Cargo.lock")).ok()?;
    Some(lock.matches("[[package]]").count())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_brokers_lock_file_says_how_many_there_are() {
        assert!(total().unwrap() > 20);
    }
}

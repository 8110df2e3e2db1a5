//! The Kafka broker: built from source once, for some minutes, and kept.

use std::{
    fs::{self, File},
    path::PathBuf,
    process::{Child, Command},
};

use anyhow::{Result, bail};

use super::{directory, fingerprint, logs};
use crate::{
    process,
    progress::Step,
    workspace::{cargo, local, root},
};

const NAME: &str = "local-kafka";

/// The broker, or its building.
pub(crate) struct Broker {
    program: PathBuf,
    log: PathBuf,
    building: Option<Child>,
}

impl Broker {
    /// Starts building, in the background, unless this version was built before.
    pub(crate) fn begin() -> Result<Self> {
        let source = root().join("localstack/kafka");
        let inputs = ["Cargo.toml", "Cargo.lock", "src"].map(|name| source.join(name));
        let program = directory().join(format!("{NAME}-{}", fingerprint(&inputs)?));
        let log = logs()?.join("kafka-build.log");
        let building = if program.exists() {
            None
        } else {
            let output = File::create(&log)?;
            Some(process::spawn(
                Command::new(cargo())
                    .args(["build", "--release", "--locked"])
                    .current_dir(&source)
                    .env("CARGO_TARGET_DIR", build_directory())
                    .stdout(output.try_clone()?)
                    .stderr(output),
            )?)
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
            let mut step = Step::begin("Kafka broker (built once)");
            let total = self.crates();
            let status = process::wait(&mut child, || {
                let built = process::tail(&self.log, usize::MAX)
                    .lines()
                    .filter(|line| line.trim_start().starts_with("Compiling"))
                    .count();
                step.tick(&format!("{built} of about {total} crates"));
            })?;
            step.end(status.success());
            if !status.success() {
                bail!(
                    "the Kafka broker did not build:\n{}",
                    process::tail(&self.log, 30)
                );
            }
            fs::create_dir_all(directory())?;
            fs::copy(build_directory().join("release").join(NAME), &self.program)?;
        }
        Ok(self.program.clone())
    }

    /// Packages in its lock file; a few of them are for other platforms.
    fn crates(&self) -> usize {
        fs::read_to_string(root().join("localstack/kafka/Cargo.lock"))
            .map(|lock| lock.matches("[[package]]").count())
            .unwrap_or_default()
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        if let Some(child) = &mut self.building {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

fn build_directory() -> PathBuf {
    local().join("build/kafka")
}

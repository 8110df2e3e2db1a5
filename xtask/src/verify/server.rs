//! Servers that run while a part does.

use std::{
    fs::File,
    path::PathBuf,
    process::{Child, Command},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, bail, ensure};
use rustix::process::Signal;

use super::checks;
use crate::{http, interrupt, process, progress::Step};

const START_TIMEOUT: Duration = Duration::from_secs(60);
const STOP_TIMEOUT: Duration = Duration::from_secs(10);
const POLL: Duration = Duration::from_millis(100);

/// A running server; stopped when dropped.
pub(super) struct Server {
    pub(super) name: &'static str,
    child: Child,
    pub(super) log: PathBuf,
}

impl Server {
    /// Starts it.
    pub(super) fn begin(name: &'static str, command: &mut Command) -> Result<Self> {
        let log = checks::log(name)?;
        let file = File::create(&log).with_context(|| format!("cannot write {}", log.display()))?;
        command.stdout(file.try_clone()?).stderr(file);
        Ok(Self {
            name,
            child: process::spawn(command)?,
            log,
        })
    }

    /// Starts it, and waits until `health` answers 200.
    pub(super) fn start(name: &'static str, command: &mut Command, health: &str) -> Result<Self> {
        let mut server = Self::begin(name, command)?;
        let mut step = Step::begin(name);
        let outcome = server.wait(START_TIMEOUT, |_| {
            step.tick("");
            Ok(http::is_ok(health))
        });
        step.end(outcome.is_ok());
        outcome.map(|()| server)
    }

    /// Waits until it is ready, as `ready` sees it.
    pub(super) fn wait(
        &mut self,
        patience: Duration,
        mut ready: impl FnMut(&Self) -> Result<bool>,
    ) -> Result<()> {
        let started = Instant::now();
        while !ready(self)? {
            interrupt::check()?;
            self.still_runs()?;
            ensure!(
                started.elapsed() < patience,
                "{} isn't ready after {} s:\n{}",
                self.name,
                patience.as_secs(),
                process::tail(&self.log, 40)
            );
            thread::sleep(POLL);
        }
        Ok(())
    }

    /// An error with the end of its log, where it has ended.
    pub(super) fn still_runs(&mut self) -> Result<()> {
        match self.child.try_wait()? {
            Some(status) => bail!(
                "{} ended ({status}):\n{}",
                self.name,
                process::tail(&self.log, 40)
            ),
            None => Ok(()),
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        process::stop(&mut self.child, Signal::TERM, STOP_TIMEOUT);
    }
}

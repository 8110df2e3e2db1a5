//! A program that runs with its output in a log, in the background if need be.

use std::{
    fs::File,
    path::{Path, PathBuf},
    process::{Child, Command},
    time::Duration,
};

use anyhow::{Context as _, Result, bail};
use rustix::process::Signal;

use crate::{process, progress::Step};

/// Time allowed for a build or an installation to stop.
const STOP_TIMEOUT: Duration = Duration::from_secs(5);

/// Number of lines of a failed program's log that are shown.
const TAIL: usize = 60;

/// A running program, which is stopped when this is dropped.
pub(crate) struct Job {
    step: String,
    log: PathBuf,
    child: Option<Child>,
}

impl Job {
    /// Starts a program. Its output goes to `log`, or its standard output to `stdout` if given.
    pub(crate) fn begin(
        command: &mut Command,
        step: &str,
        log: &Path,
        stdout: Option<File>,
    ) -> Result<Self> {
        let file = File::create(log).with_context(|| format!("cannot write {}", log.display()))?;
        let stdout = stdout.map_or_else(|| file.try_clone(), Ok)?;
        command.stdout(stdout).stderr(file);
        Ok(Self {
            step: step.to_owned(),
            log: log.to_owned(),
            child: Some(process::spawn(command)?),
        })
    }

    /// Waits for the program, showing the last line of its log.
    pub(crate) fn finish(self) -> Result<()> {
        let log = self.log.clone();
        self.finish_with(|| process::last_line(&log))
    }

    /// Waits for the program, showing a remark beside the time it takes.
    ///
    /// # Errors
    ///
    /// The program fails; the error has the end of the log.
    pub(crate) fn finish_with(mut self, remark: impl Fn() -> String) -> Result<()> {
        let Some(mut child) = self.child.take() else {
            return Ok(());
        };
        let mut line = Step::begin(&self.step);
        let status = process::wait(&mut child, || line.tick(&remark()));
        line.end(matches!(status, Ok(status) if status.success()));
        if !status?.success() {
            bail!(
                "{} failed:\n{}\n(whole log: {})",
                self.step,
                process::tail(&self.log, TAIL),
                self.log.display()
            );
        }
        Ok(())
    }
}

impl Drop for Job {
    fn drop(&mut self) {
        if let Some(child) = &mut self.child {
            process::stop(child, Signal::TERM, STOP_TIMEOUT);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;

    fn begin(script: &str, name: &str) -> Job {
        let log = std::env::temp_dir().join(format!("xtask-{name}-{}", std::process::id()));
        Job::begin(Command::new("sh").args(["-c", script]), "work", &log, None).unwrap()
    }

    #[test]
    fn a_failure_shows_the_log() {
        let job = begin("echo reason; exit 3", "fails");
        let log = job.log.clone();
        let error = job.finish().unwrap_err().to_string();
        assert!(error.contains("work failed:\nreason\n"), "{error}");
        std::fs::remove_file(log).unwrap();
    }

    #[test]
    fn dropping_a_job_stops_it() {
        let job = begin("sleep 60 & wait", "dropped");
        let log = job.log.clone();
        let started = Instant::now();
        drop(job);
        assert!(started.elapsed() < Duration::from_secs(10));
        std::fs::remove_file(log).unwrap();
    }
}

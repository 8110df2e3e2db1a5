//! A program that works beside others, and is waited for only when its work is needed.

use std::{
    fs::File,
    path::{Path, PathBuf},
    process::{Child, Command},
    time::Duration,
};

use anyhow::{Context as _, Result, bail};
use rustix::process::Signal;

use crate::{process, progress::Step};

/// What it may take to end when it is given up.
const STOP_TIMEOUT: Duration = Duration::from_secs(5);

/// A program at work; given up when dropped.
pub(crate) struct Background {
    step: &'static str,
    log: PathBuf,
    child: Option<Child>,
}

impl Background {
    /// Starts it, its output in a file.
    pub(crate) fn begin(command: &mut Command, step: &'static str, log: PathBuf) -> Result<Self> {
        let file = File::create(&log).with_context(|| format!("cannot write {}", log.display()))?;
        command.stdout(file.try_clone()?).stderr(file);
        Ok(Self {
            step,
            log,
            child: Some(process::spawn(command)?),
        })
    }

    /// Waits for its end; a failure shows the output's end.
    pub(crate) fn finish(mut self) -> Result<()> {
        let Some(mut child) = self.child.take() else {
            return Ok(());
        };
        let mut step = Step::begin(self.step);
        let status = process::wait(&mut child, || step.tick(&process::last_line(&self.log)));
        step.end(matches!(status, Ok(status) if status.success()));
        if !status?.success() {
            bail!("{} failed:\n{}", self.step, self.end());
        }
        Ok(())
    }

    fn end(&self) -> String {
        let log: &Path = &self.log;
        format!("{}\n(whole log: {})", process::tail(log, 40), log.display())
    }
}

impl Drop for Background {
    fn drop(&mut self) {
        if let Some(child) = &mut self.child {
            process::stop(child, Signal::TERM, STOP_TIMEOUT);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn begin(script: &str, name: &str) -> Background {
        let log = std::env::temp_dir().join(format!("xtask-{name}-{}", std::process::id()));
        Background::begin(Command::new("sh").args(["-c", script]), "work", log).unwrap()
    }

    #[test]
    fn a_failure_shows_what_was_said() {
        let work = begin("echo reason; exit 3", "fails");
        let log = work.log.clone();
        let error = work.finish().unwrap_err().to_string();
        assert!(error.contains("work failed:\nreason\n"), "{error}");
        std::fs::remove_file(log).unwrap();
    }

    #[test]
    fn what_is_dropped_is_given_up() {
        let work = begin("sleep 60 & wait", "dropped");
        let log = work.log.clone();
        let begun = std::time::Instant::now();
        drop(work);
        assert!(begun.elapsed() < Duration::from_secs(10));
        std::fs::remove_file(log).unwrap();
    }
}

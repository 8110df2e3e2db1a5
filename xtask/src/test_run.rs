//! Running test programs, and counting what they say.

use std::{
    fs::File,
    ops::AddAssign,
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus},
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, bail};
use rustix::process::Signal;
use serde_json::Value;

use crate::{
    builds::TestBinary,
    process,
    progress::{Step, say},
    web_tests::NodeTests,
};

/// What a test program may take to end when it is given up.
const STOP_TIMEOUT: Duration = Duration::from_secs(5);

/// Lines of a failed program's output that are shown.
const SHOWN: usize = 200;

/// Results of tests.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    pub(crate) passed: usize,
    pub(crate) failed: usize,
    pub(crate) ignored: usize,
}

impl AddAssign for Counts {
    fn add_assign(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed += other.failed;
        self.ignored += other.ignored;
    }
}

impl Counts {
    /// Sums up the lines `test result: ok. 12 passed; 0 failed; 1 ignored; …` of an output.
    fn parse(output: &str) -> Self {
        let mut counts = Self::default();
        let results = output
            .lines()
            .filter_map(|line| line.trim().strip_prefix("test result: "));
        for result in results {
            let number = |word: &str| {
                let (before, _) = result.split_once(word)?;
                before.trim_end().rsplit(' ').next()?.parse().ok()
            };
            counts += Self {
                passed: number(" passed").unwrap_or(0),
                failed: number(" failed").unwrap_or(0),
                ignored: number(" ignored").unwrap_or(0),
            };
        }
        counts
    }

    /// Reads a report of Jest's kind; `None` where there is none.
    fn parse_report(report: &[u8]) -> Option<Self> {
        let report: Value = serde_json::from_slice(report).ok()?;
        let number = |name: &str| usize::try_from(report[name].as_u64()?).ok();
        Some(Self {
            passed: number("numPassedTests")?,
            failed: number("numFailedTests")?,
            ignored: number("numPendingTests")?,
        })
    }

    fn remark(self) -> String {
        let mut remark = format!("{} passed", self.passed);
        for (count, what) in [(self.failed, "failed"), (self.ignored, "ignored")] {
            if count > 0 {
                remark += &format!(", {count} {what}");
            }
        }
        remark
    }
}

/// A test program that runs.
pub(crate) struct TestRun {
    child: Child,
    step: Step,
    log: PathBuf,
    told: Instant,
    /// What it counts by itself, and whether those that it left out are told of.
    report: Option<(PathBuf, bool)>,
}

impl TestRun {
    /// Starts one; `stack` is the description of the stack that it is to use.
    pub(crate) fn begin(
        test: &TestBinary,
        filter: Option<&str>,
        stack: Option<&Path>,
        logs: &Path,
    ) -> Result<Self> {
        let mut command = test.command();
        command.args(filter);
        Self::spawn(command, &test.name(), stack, logs, None)
    }

    /// Starts tests in Node.js.
    pub(crate) fn begin_node(tests: NodeTests, stack: Option<&Path>, logs: &Path) -> Result<Self> {
        // An earlier run's would be counted if this one does not come to write its own.
        let _ = std::fs::remove_file(&tests.report);
        let report = Some((tests.report, !tests.chosen));
        Self::spawn(tests.command, tests.name, stack, logs, report)
    }

    fn spawn(
        mut command: Command,
        name: &str,
        stack: Option<&Path>,
        logs: &Path,
        report: Option<(PathBuf, bool)>,
    ) -> Result<Self> {
        let log = logs.join(format!("test {}.log", name.replace('/', "-")));
        let file = File::create(&log).with_context(|| format!("cannot write {}", log.display()))?;
        command.stdout(file.try_clone()?).stderr(file);
        if let Some(stack) = stack {
            command.env("TRICHROME_STACK", stack);
        }
        Ok(Self {
            child: process::spawn(&mut command)?,
            step: Step::begin(name),
            log,
            told: Instant::now(),
            report,
        })
    }

    /// Looks after it; how it ended, if it has.
    pub(crate) fn poll(&mut self) -> Option<ExitStatus> {
        if self.told.elapsed() > process::TICK {
            self.told = Instant::now();
            self.step.tick(&process::last_line(&self.log));
        }
        self.child.try_wait().ok().flatten()
    }

    /// Waits for its end; an interrupt ends it.
    pub(crate) fn wait(mut self) -> Result<Counts> {
        let status = process::wait(&mut self.child, || {
            self.step.tick(&process::last_line(&self.log));
        })?;
        Ok(self.end(status))
    }

    /// Tells how it ended, with its output if that was badly.
    pub(crate) fn end(self, status: ExitStatus) -> Counts {
        let mut counts = self.counts();
        if !status.success() {
            // Ended before it could count.
            counts.failed = counts.failed.max(1);
        }
        if status.success() && counts == Counts::default() {
            self.step.vanish();
            return counts;
        }
        self.step.end_with(status.success(), &counts.remark());
        if !status.success() {
            say(process::tail(&self.log, SHOWN));
            say(format!("({status}; whole log: {})", self.log.display()));
        }
        counts
    }

    fn counts(&self) -> Counts {
        let Some((report, with_ignored)) = &self.report else {
            let output = std::fs::read(&self.log).unwrap_or_default();
            return Counts::parse(&String::from_utf8_lossy(&output));
        };
        let mut counts = std::fs::read(report)
            .ok()
            .and_then(|report| Counts::parse_report(&report))
            .unwrap_or_default();
        if !with_ignored {
            counts.ignored = 0;
        }
        counts
    }

    /// Ends it.
    pub(crate) fn give_up(mut self) -> Result<Counts> {
        process::stop(&mut self.child, Signal::TERM, STOP_TIMEOUT);
        self.step.end(false);
        bail!("interrupted")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_are_counted() {
        let output = "running 3 tests\n\
            test a ... ok\n\
            test result: ok. 12 passed; 0 failed; 1 ignored; 0 measured; 4 filtered out; finished in 0.01s\n\
            test result: FAILED. 3 passed; 2 failed; 0 ignored; 0 measured; 0 filtered out\n";
        let counts = Counts::parse(output);
        assert_eq!(counts.remark(), "15 passed, 2 failed, 1 ignored");
        assert_eq!(Counts::parse("nothing of the kind"), Counts::default());
        assert_eq!(Counts::default().remark(), "0 passed");
    }

    #[test]
    fn a_report_is_read() {
        let report = br#"{"numTotalTests":9,"numPassedTests":7,"numFailedTests":2,
            "numPendingTests":0,"success":false}"#;
        let counts = Counts::parse_report(report).unwrap();
        assert_eq!(counts.remark(), "7 passed, 2 failed");
        assert_eq!(Counts::parse_report(b"{}"), None);
        assert_eq!(Counts::parse_report(b""), None);
    }
}

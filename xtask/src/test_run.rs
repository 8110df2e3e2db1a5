//! Running test programs, and counting what they say.

use std::{
    fs::File,
    ops::AddAssign,
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, bail};
use rustix::process::Signal;
use serde_json::Value;

use crate::{
    builds::TestBinary,
    interrupt, process,
    progress::{Step, say},
    web_tests::NodeTests,
};

/// What a test program may take: many times the longest one's time.
const LONGEST: Duration = Duration::from_secs(30 * 60);

/// What it may take to end when it is given up.
const STOP_TIMEOUT: Duration = Duration::from_secs(5);

/// How often it is looked at.
const POLL: Duration = Duration::from_millis(50);

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
    /// Sums up the lines `test result: ok. 12 passed; 0 failed; 1 ignored; …` of an output;
    /// `None` where there are none.
    fn parse(output: &str) -> Option<Self> {
        let mut results = output
            .lines()
            .filter_map(|line| line.trim().strip_prefix("test result: "))
            .peekable();
        results.peek()?;
        let mut counts = Self::default();
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
        Some(counts)
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

/// A process that ends with this.
struct Owned(Child);

impl Drop for Owned {
    fn drop(&mut self) {
        if matches!(self.0.try_wait(), Ok(None)) {
            process::stop(&mut self.0, Signal::TERM, STOP_TIMEOUT);
        }
    }
}

/// A test program that runs; given up when dropped.
pub(crate) struct TestRun {
    child: Owned,
    step: Step,
    log: PathBuf,
    begun: Instant,
    told: Instant,
    /// What it counts by itself, and whether those that it left out are told of.
    report: Option<(PathBuf, bool)>,
    /// Whether it has tests, and all of them are to run.
    whole: bool,
    /// Whether it took too long.
    hung: bool,
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
        // A library or a program need not have tests.
        let whole = stack.is_some() && filter.is_none();
        let run = Self::spawn(command, &test.name(), stack, logs, None)?;
        Ok(Self { whole, ..run })
    }

    /// Starts tests in Node.js.
    pub(crate) fn begin_node(tests: NodeTests, stack: Option<&Path>, logs: &Path) -> Result<Self> {
        // An earlier run's would be counted if this one does not come to write its own.
        let _ = std::fs::remove_file(&tests.report);
        let report = Some((tests.report, !tests.chosen));
        let run = Self::spawn(tests.command, tests.name, stack, logs, report)?;
        Ok(Self {
            whole: !tests.chosen,
            ..run
        })
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
            child: Owned(process::spawn(&mut command)?),
            step: Step::begin(name),
            log,
            begun: Instant::now(),
            told: Instant::now(),
            report,
            whole: false,
            hung: false,
        })
    }

    /// Its process, which leads a group of its own.
    pub(crate) fn id(&self) -> u32 {
        self.child.0.id()
    }

    /// Looks after it; how it ended, if it has. One that takes too long is ended.
    pub(crate) fn poll(&mut self) -> Option<ExitStatus> {
        if self.told.elapsed() > process::TICK {
            self.told = Instant::now();
            self.step.tick(&process::last_line(&self.log));
        }
        let status = self.child.0.try_wait().ok().flatten();
        if status.is_none() && self.begun.elapsed() > LONGEST {
            self.hung = true;
            process::stop(&mut self.child.0, Signal::TERM, STOP_TIMEOUT);
            return self.child.0.try_wait().ok().flatten();
        }
        status
    }

    /// Waits for its end; an interrupt ends it.
    pub(crate) fn wait(mut self) -> Result<Counts> {
        loop {
            if let Some(status) = self.poll() {
                return Ok(self.end(status));
            }
            if interrupt::asked() {
                return self.give_up();
            }
            thread::sleep(POLL);
        }
    }

    /// Tells how it ended, with its output if that was badly.
    pub(crate) fn end(self, status: ExitStatus) -> Counts {
        let counted = self.counts();
        let mut counts = counted.unwrap_or_default();
        let wrong = if self.hung {
            Some(format!("ended after {} min", LONGEST.as_secs() / 60))
        } else {
            wrong(status, counted, self.whole)
        };
        let Some(wrong) = wrong else {
            if counts == Counts::default() {
                self.step.vanish();
            } else {
                self.step.end_with(true, &counts.remark());
            }
            return counts;
        };
        // It may have ended before it could count.
        counts.failed = counts.failed.max(1);
        self.step.end_with(false, &counts.remark());
        say(process::tail(&self.log, SHOWN));
        say(format!("({wrong}; whole log: {})", self.log.display()));
        counts
    }

    /// What it says; `None` where it says nothing.
    fn counts(&self) -> Option<Counts> {
        let Some((report, with_ignored)) = &self.report else {
            let output = std::fs::read(&self.log).unwrap_or_default();
            return Counts::parse(&String::from_utf8_lossy(&output));
        };
        let mut counts = Counts::parse_report(&std::fs::read(report).ok()?)?;
        if !with_ignored {
            counts.ignored = 0;
        }
        Some(counts)
    }

    /// Ends it.
    pub(crate) fn give_up(self) -> Result<Counts> {
        drop(self.child);
        self.step.end(false);
        bail!("interrupted")
    }
}

/// What is wrong with how a program ended, if anything is; `whole` where it has tests, and all
/// of them were to run.
fn wrong(status: ExitStatus, counted: Option<Counts>, whole: bool) -> Option<String> {
    if !status.success() {
        return Some(status.to_string());
    }
    match counted {
        None => Some("it did not say what it has tested".to_owned()),
        Some(counts) if whole && counts == Counts::default() => {
            Some("it has tested nothing".to_owned())
        }
        Some(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::process::ExitStatusExt as _;

    use super::*;

    #[test]
    fn results_are_counted() {
        let output = "running 3 tests\n\
            test a ... ok\n\
            test result: ok. 12 passed; 0 failed; 1 ignored; 0 measured; 4 filtered out; finished in 0.01s\n\
            test result: FAILED. 3 passed; 2 failed; 0 ignored; 0 measured; 0 filtered out\n";
        let counts = Counts::parse(output).unwrap();
        assert_eq!(counts.remark(), "15 passed, 2 failed, 1 ignored");
        assert_eq!(Counts::parse("nothing of the kind"), None);
        assert_eq!(Counts::default().remark(), "0 passed");
    }

    #[test]
    fn a_program_that_tests_nothing_fails_unless_it_may() {
        let well = ExitStatus::from_raw(0);
        let nothing = Some(Counts::default());
        let one = Some(Counts {
            passed: 1,
            ..Counts::default()
        });
        assert_eq!(wrong(well, nothing, false), None);
        assert_eq!(wrong(well, one, true), None);
        assert!(wrong(well, nothing, true).is_some());
        assert!(wrong(well, None, false).is_some());
        assert!(wrong(ExitStatus::from_raw(1), one, true).is_some());
    }

    #[test]
    fn a_program_ends_with_its_run() {
        let mut command = Command::new("sleep");
        let child = process::spawn(command.arg("60")).unwrap();
        let begun = Instant::now();
        drop(Owned(child));
        assert!(begun.elapsed() < Duration::from_secs(30));
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

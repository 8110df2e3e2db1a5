//! Runs test executables and counts their results.

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

/// Time allowed for a test executable, many times what the longest takes.
const TIMEOUT: Duration = Duration::from_secs(30 * 60);

/// Time allowed for it to stop.
const STOP_TIMEOUT: Duration = Duration::from_secs(5);

/// The variable by which tests are chosen.
const ONLY: &str = "TRICHROME_ONLY";

/// Which tests of an executable run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Choice {
    All,
    /// Those that Kafka has a part in.
    Kafka,
    /// Those that call functions over REST and gRPC.
    Functions,
}

impl Choice {
    /// The value of [`ONLY`]; without meaning for all.
    const fn name(self) -> &'static str {
        match self {
            Self::All => "all",
            Self::Kafka => "kafka",
            Self::Functions => "functions",
        }
    }
}

/// How often it is polled.
const POLL: Duration = Duration::from_millis(50);

/// Lines of a failed executable's log that are shown.
const TAIL: usize = 200;

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
    /// Sums up the lines `test result: ok. 12 passed; 0 failed; 1 ignored; …`; `None` if there
    /// are none.
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

    /// Parses a report in Jest's format; `None` if it isn't one.
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

/// A process that is stopped when this is dropped.
struct Owned(Child);

impl Drop for Owned {
    fn drop(&mut self) {
        if matches!(self.0.try_wait(), Ok(None)) {
            process::stop(&mut self.0, Signal::TERM, STOP_TIMEOUT);
        }
    }
}

/// A running test executable, which is stopped when this is dropped.
pub(crate) struct TestRun {
    child: Owned,
    step: Step,
    log: PathBuf,
    started: Instant,
    ticked: Instant,
    /// The report of tests in Node.js, and whether ignored tests count.
    report: Option<(PathBuf, bool)>,
    /// Whether running no test at all is a failure.
    must_test: bool,
    timed_out: bool,
}

impl TestRun {
    /// Starts a test executable; `stack` is the description of the stack that it uses.
    pub(crate) fn begin(
        test: &TestBinary,
        filter: Option<&str>,
        stack: &Path,
        logs: &Path,
    ) -> Result<Self> {
        Self::begin_only(test, Choice::All, filter, stack, logs)
    }

    /// Starts a test executable on a stack, with variables for its tests and with arguments, such as a
    /// part of their names. At least one must run.
    pub(crate) fn begin_with<'a>(
        test: &TestBinary,
        variables: &[(&str, &str)],
        arguments: impl IntoIterator<Item = &'a str>,
        stack: &Path,
        logs: &Path,
    ) -> Result<Self> {
        let mut command = test.command();
        command.args(arguments).envs(variables.iter().copied());
        let run = Self::spawn(command, &test.name(), Some(stack), logs, None)?;
        Ok(Self {
            must_test: true,
            ..run
        })
    }

    /// Starts some tests of a test executable.
    pub(crate) fn begin_only(
        test: &TestBinary,
        choice: Choice,
        filter: Option<&str>,
        stack: &Path,
        logs: &Path,
    ) -> Result<Self> {
        let mut command = test.command();
        command.args(filter).env(ONLY, choice.name());
        let name = match choice {
            Choice::All => test.name(),
            choice => format!("{}, {}", test.name(), choice.name()),
        };
        let run = Self::spawn(command, &name, Some(stack), logs, None)?;
        let must_test = filter.is_none();
        Ok(Self { must_test, ..run })
    }

    /// The number of the tests of Kafka in a test executable.
    pub(crate) fn count_kafka(test: &TestBinary, filter: Option<&str>) -> Result<usize> {
        let mut command = test.command();
        command.args(filter).env(ONLY, Choice::Kafka.name());
        Ok(listed(command)?.len())
    }

    /// The names of all tests of a test executable.
    pub(crate) fn names(test: &TestBinary) -> Result<Vec<String>> {
        listed(test.command())
    }

    /// Starts a test executable that uses no stack, but perhaps a browser.
    pub(crate) fn begin_without_stack(
        test: &TestBinary,
        filter: Option<&str>,
        chromium: &Path,
        logs: &Path,
    ) -> Result<Self> {
        let mut command = test.command();
        command.args(filter).env("CHROMIUM", chromium);
        Self::spawn(command, &test.name(), None, logs, None)
    }

    /// Starts tests in Node.js.
    pub(crate) fn begin_node(tests: NodeTests, stack: Option<&Path>, logs: &Path) -> Result<Self> {
        // The report of an earlier run must not count if this one writes none.
        let _ = std::fs::remove_file(&tests.report);
        let report = Some((tests.report, !tests.filtered));
        let run = Self::spawn(tests.command, tests.name, stack, logs, report)?;
        Ok(Self {
            must_test: !tests.filtered,
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
            started: Instant::now(),
            ticked: Instant::now(),
            report,
            must_test: false,
            timed_out: false,
        })
    }

    /// The id of its process and of its process group.
    pub(crate) fn id(&self) -> u32 {
        self.child.0.id()
    }

    /// Its exit status if it has ended. Stops it when the timeout is over.
    pub(crate) fn poll(&mut self) -> Option<ExitStatus> {
        if self.ticked.elapsed() > process::TICK {
            self.ticked = Instant::now();
            self.step.tick(&process::last_line(&self.log));
        }
        let status = self.child.0.try_wait().ok().flatten();
        if status.is_none() && self.started.elapsed() > TIMEOUT {
            self.timed_out = true;
            process::stop(&mut self.child.0, Signal::TERM, STOP_TIMEOUT);
            return self.child.0.try_wait().ok().flatten();
        }
        status
    }

    /// Waits for it to end; an interrupt stops it.
    pub(crate) fn wait(mut self) -> Result<Counts> {
        loop {
            if let Some(status) = self.poll() {
                return Ok(self.end(status));
            }
            if interrupt::requested() {
                return self.abort();
            }
            thread::sleep(POLL);
        }
    }

    /// Reports the outcome, with the end of the log if it failed.
    pub(crate) fn end(self, status: ExitStatus) -> Counts {
        let counted = self.counts();
        let mut counts = counted.unwrap_or_default();
        let problem = if self.timed_out {
            Some(format!("stopped after {} min", TIMEOUT.as_secs() / 60))
        } else {
            problem(status, counted, self.must_test)
        };
        let Some(problem) = problem else {
            if counts == Counts::default() {
                self.step.clear();
            } else {
                self.step.end_with(true, &counts.remark());
            }
            return counts;
        };
        // It may have crashed before it reported a result.
        counts.failed = counts.failed.max(1);
        self.step.end_with(false, &counts.remark());
        say(process::tail(&self.log, TAIL));
        say(format!("({problem}; whole log: {})", self.log.display()));
        counts
    }

    /// The results that it reported.
    fn counts(&self) -> Option<Counts> {
        let Some((report, count_ignored)) = &self.report else {
            let output = std::fs::read(&self.log).unwrap_or_default();
            return Counts::parse(&String::from_utf8_lossy(&output));
        };
        let mut counts = Counts::parse_report(&std::fs::read(report).ok()?)?;
        if !count_ignored {
            counts.ignored = 0;
        }
        Some(counts)
    }

    /// Stops it.
    pub(crate) fn abort(self) -> Result<Counts> {
        drop(self.child);
        self.step.end(false);
        bail!("interrupted")
    }
}

/// The names of the tests that a command would run.
fn listed(mut command: Command) -> Result<Vec<String>> {
    let output = command.arg("--list").output();
    let output = output.context("cannot list the tests")?;
    Ok(String::from_utf8_lossy(&output.stdout)
        .lines()
        .filter_map(|line| line.strip_suffix(": test"))
        .map(str::to_owned)
        .collect())
}

/// Why a run has failed, if it has.
fn problem(status: ExitStatus, counted: Option<Counts>, must_test: bool) -> Option<String> {
    if !status.success() {
        return Some(status.to_string());
    }
    match counted {
        None => Some("it reported no results".to_owned()),
        Some(counts) if must_test && counts == Counts::default() => {
            Some("it ran no tests".to_owned())
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
    fn running_no_tests_fails_if_there_must_be_some() {
        let success = ExitStatus::from_raw(0);
        let nothing = Some(Counts::default());
        let one = Some(Counts {
            passed: 1,
            ..Counts::default()
        });
        assert_eq!(problem(success, nothing, false), None);
        assert_eq!(problem(success, one, true), None);
        assert!(problem(success, nothing, true).is_some());
        assert!(problem(success, None, false).is_some());
        assert!(problem(ExitStatus::from_raw(1), one, true).is_some());
    }

    #[test]
    fn dropping_a_run_stops_its_process() {
        let mut command = Command::new("sleep");
        let child = process::spawn(command.arg("60")).unwrap();
        let started = Instant::now();
        drop(Owned(child));
        assert!(started.elapsed() < Duration::from_secs(30));
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

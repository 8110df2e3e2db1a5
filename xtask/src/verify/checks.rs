//! Running the checks of a part, and counting them.

use std::{
    fs::{self, File},
    path::PathBuf,
    process::Command,
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result};

use crate::{
    interrupt, process,
    progress::{Step, say},
    test_run::Counts,
    workspace::local,
};

/// How often something is asked whether it is true yet.
const POLL: Duration = Duration::from_millis(250);

/// What a part has checked so far. A failed check is counted, and the next one runs.
#[derive(Default)]
pub(crate) struct Checks {
    counts: Counts,
}

impl Checks {
    pub(crate) fn counts(&self) -> Counts {
        self.counts
    }

    /// Adds the results of tests.
    pub(super) fn add(&mut self, counts: Counts) {
        self.counts += counts;
    }

    /// Checks that a program succeeds.
    pub(super) fn accepts(&mut self, check: &str, command: &mut Command) -> Result<()> {
        let outcome = process::run_logged(command, check, &log(check)?);
        interrupt::check()?;
        if let Err(error) = &outcome {
            say(format!("{error:#}"));
        }
        self.count(outcome.is_ok());
        Ok(())
    }

    /// Checks that a program fails, and that its output names the problem: a validator that
    /// accepts everything would prove nothing.
    pub(super) fn refuses(
        &mut self,
        check: &str,
        command: &mut Command,
        problem: &str,
    ) -> Result<()> {
        let log = log(check)?;
        let file = File::create(&log).with_context(|| format!("cannot write {}", log.display()))?;
        command.stdout(file.try_clone()?).stderr(file);
        let mut step = Step::begin(check);
        let status = process::wait(&mut process::spawn(command)?, || step.tick(""))?;
        let output = fs::read_to_string(&log)?;
        let refused = !status.success() && output.contains(problem);
        step.end(refused);
        if !refused {
            say(format!(
                "{status}, and expected a failure that names {problem:?}:\n{output}"
            ));
        }
        self.count(refused);
        Ok(())
    }

    /// Checks a condition; `problem` says what is wrong otherwise.
    pub(super) fn holds(&mut self, check: &str, truth: bool, problem: &str) {
        Step::begin(check).end(truth);
        if !truth {
            say(problem);
        }
        self.count(truth);
    }

    /// Checks that something comes true before the patience ends. `problem` says what is wrong until then.
    pub(super) fn becomes(
        &mut self,
        check: &str,
        patience: Duration,
        mut problem: impl FnMut() -> Result<Option<String>>,
    ) -> Result<()> {
        let started = Instant::now();
        let mut step = Step::begin(check);
        loop {
            interrupt::check()?;
            let Some(problem) = problem()? else {
                step.end(true);
                self.count(true);
                return Ok(());
            };
            if started.elapsed() > patience {
                step.end(false);
                self.fail(&problem);
                return Ok(());
            }
            step.tick(&problem);
            thread::sleep(POLL);
        }
    }

    /// Counts a failure, and says what it was.
    pub(crate) fn fail(&mut self, problem: &str) {
        say(problem);
        self.count(false);
    }

    fn count(&mut self, passed: bool) {
        if passed {
            self.counts.passed += 1;
        } else {
            self.counts.failed += 1;
        }
    }
}

/// The folder of all logs of `verify`.
pub(super) fn logs() -> Result<PathBuf> {
    let logs = local().join("logs").join("verify");
    fs::create_dir_all(&logs).with_context(|| format!("cannot make {}", logs.display()))?;
    Ok(logs)
}

/// Where the output of a check or a build goes.
pub(super) fn log(step: &str) -> Result<PathBuf> {
    let name: String = step
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() { c } else { '-' })
        .collect();
    Ok(logs()?.join(format!("{name}.log")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str) -> Command {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        command
    }

    #[test]
    fn what_succeeds_and_what_is_refused_is_counted() {
        let mut checks = Checks::default();
        checks.accepts("test accepts", &mut shell("true")).unwrap();
        checks
            .accepts("test accepts", &mut shell("exit 1"))
            .unwrap();
        assert_eq!((checks.counts.passed, checks.counts.failed), (1, 1));

        let mut checks = Checks::default();
        let mut refuses = |script| {
            checks
                .refuses("test refuses", &mut shell(script), "no_such")
                .unwrap();
        };
        refuses("echo unknown key no_such >&2; exit 1");
        // Accepted; failed for another reason.
        refuses("echo no_such");
        refuses("echo no file >&2; exit 1");
        assert_eq!((checks.counts.passed, checks.counts.failed), (1, 2));
    }

    #[test]
    fn what_comes_true_in_time_passes() {
        let mut checks = Checks::default();
        let mut becomes = |patience, answers: &[bool]| {
            let mut answers = answers.iter();
            checks
                .becomes("test becomes", patience, || {
                    let truth = answers.next().copied().unwrap_or(false);
                    Ok((!truth).then(|| "not yet".to_owned()))
                })
                .unwrap();
        };
        becomes(Duration::from_secs(60), &[false, true]);
        becomes(Duration::ZERO, &[true]);
        becomes(Duration::ZERO, &[]);
        assert_eq!((checks.counts.passed, checks.counts.failed), (2, 1));
    }
}

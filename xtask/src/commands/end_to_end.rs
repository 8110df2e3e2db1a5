//! Shared parts of the end-to-end test runs on different kinds of stack.

use std::{fs, path::PathBuf, sync::mpsc::Receiver};

use anyhow::{Context as _, Result};

use crate::{
    builds::{self, TestBinary},
    interrupt,
    progress::say,
    stack::{Stack, Supervisor},
    test_run::{Choice, Counts, TestRun},
    workspace::local,
};

/// The folder of the end-to-end tests, and their executables in order. The second stops and
/// starts parts of the stack.
pub(crate) const END_TO_END: &str = "tests";
pub(crate) const ON_A_STACK: [&str; 2] = ["scenarios", "faults"];

/// The tests of `cargo xtask verify kafka-clients`.
pub(crate) const KAFKA_CLIENTS: &str = "clients";

/// The steps of `cargo xtask verify upgrade`.
pub(crate) const UPGRADE: &str = "upgrade";

/// Waits for tests while supervising the stack. A crash of a part counts as a failure, even if the
/// part is restarted and no call has failed.
pub(crate) fn supervise(supervisor: &mut Supervisor, mut run: TestRun) -> Result<Counts> {
    supervisor.note_tests(run.id())?;
    let crashes = supervisor.crashes();
    let mut status = None;
    supervisor.watch(|| {
        status = run.poll();
        status.is_some()
    })?;
    let mut counts = match status {
        Some(status) => run.end(status),
        None => run.abort()?,
    };
    interrupt::check()?;
    let crashes = supervisor.crashes() - crashes;
    if crashes > 0 {
        say(format!(
            "✗ {crashes} parts of the stack crashed during the tests; their logs: {}",
            supervisor.stack().logs.display()
        ));
        counts.failed += crashes;
    }
    Ok(counts)
}

/// Tests of an executable to run on a stack.
pub(super) struct Chosen {
    pub(super) target: &'static str,
    pub(super) choice: Choice,
    /// A part of their names. They don't run where the command line has one.
    pub(super) only: Option<&'static str>,
    /// They begin once the sender is dropped, where there is one.
    pub(super) after: Option<Receiver<()>>,
}

/// Starts a stack, and runs tests on it. Their logs, which have the same names on each stack, are in
/// `folder`.
pub(super) fn run_on(
    stack: Stack,
    folder: &str,
    chosen: impl IntoIterator<Item = Chosen>,
    tests: &[TestBinary],
    filter: Option<&str>,
) -> Result<Counts> {
    let stack_logs = stack.logs.clone();
    let run = || -> Result<Counts> {
        let mut supervisor = Supervisor::start(stack)?;
        let logs = logs()?.join(folder);
        fs::create_dir_all(&logs)?;
        let description = supervisor.stack().state.join("stack.json");
        let mut counts = Counts::default();
        for Chosen {
            target,
            choice,
            only,
            after,
        } in chosen
        {
            if filter.is_some() && only.is_some() {
                continue;
            }
            if let Some(after) = after {
                let _ = after.recv();
            }
            let program = builds::find(tests, END_TO_END, target)?;
            let run = TestRun::begin_only(program, choice, filter.or(only), &description, &logs)?;
            counts += supervise(&mut supervisor, run)?;
        }
        Ok(counts)
    };
    run().with_context(|| format!("the stack's logs: {}", stack_logs.display()))
}

/// The folder of the tests' logs, outside of the stack's state, which is wiped.
pub(super) fn logs() -> Result<PathBuf> {
    let logs = local().join("logs").join("tests");
    fs::create_dir_all(&logs).with_context(|| format!("cannot create {}", logs.display()))?;
    Ok(logs)
}

//! Shared parts of the end-to-end test runs on different kinds of stack.

use std::{fs, path::PathBuf};

use anyhow::{Context as _, Result};

use crate::{
    interrupt,
    progress::say,
    stack::Supervisor,
    test_run::{Counts, TestRun},
    workspace::local,
};

/// The folder of the end-to-end tests, and their executables in order. The second stops and
/// starts parts of the stack.
pub(crate) const END_TO_END: &str = "tests";
pub(crate) const ON_A_STACK: [&str; 2] = ["scenarios", "faults"];

/// The tests of `cargo xtask verify kafka-clients`.
pub(crate) const KAFKA_CLIENTS: &str = "clients";

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
            "✗ {crashes} parts of the stack crashed during the tests (see their logs)"
        ));
        counts.failed += crashes;
    }
    Ok(counts)
}

/// The folder of the tests' logs, outside of the stack's state, which is wiped.
pub(super) fn logs() -> Result<PathBuf> {
    let logs = local().join("logs").join("tests");
    fs::create_dir_all(&logs).with_context(|| format!("cannot create {}", logs.display()))?;
    Ok(logs)
}

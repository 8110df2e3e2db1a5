//! What the runs of the end-to-end tests have in common, whatever their stack is made of.

use std::{fs, path::PathBuf};

use anyhow::{Context as _, Result};

use crate::{
    interrupt,
    progress::say,
    stack::Supervisor,
    test_run::{Counts, TestRun},
    workspace::local,
};

/// Where the end-to-end tests are, and their programs in the order in which they run: the
/// second stops and starts parts of the stack.
pub(super) const END_TO_END: &str = "tests";
pub(super) const ON_A_STACK: [&str; 2] = ["scenarios", "faults"];

/// Waits for a program's tests; the stack goes on being supervise meanwhile. That a part of it
/// ended by itself is a failure, though it is started again and no call may have met it.
pub(super) fn supervise(supervisor: &mut Supervisor, mut run: TestRun) -> Result<Counts> {
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
            "✗ parts of the stack ended by themselves meanwhile: {crashes} (see their logs)"
        ));
        counts.failed += crashes;
    }
    Ok(counts)
}

/// Beside the state of the stack, which is wiped.
pub(super) fn logs() -> Result<PathBuf> {
    let logs = local().join("logs").join("tests");
    fs::create_dir_all(&logs).with_context(|| format!("cannot make {}", logs.display()))?;
    Ok(logs)
}

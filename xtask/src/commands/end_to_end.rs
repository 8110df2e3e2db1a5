//! What the runs of the end-to-end tests have in common, whatever their stack is made of.

use std::{fs, path::PathBuf};

use anyhow::{Context as _, Result};

use crate::{
    interrupt,
    stack::Supervisor,
    test_run::{Counts, TestRun},
    workspace::local,
};

/// Where the end-to-end tests are, and their programs in the order in which they run: the
/// second stops and starts parts of the stack.
pub(super) const END_TO_END: &str = "tests";
pub(super) const ON_A_STACK: [&str; 2] = ["scenarios", "faults"];

/// Waits for a program's tests; the stack goes on being watched meanwhile.
pub(super) fn watched(supervisor: &mut Supervisor, mut run: TestRun) -> Result<Counts> {
    let mut status = None;
    supervisor.watch(|| {
        status = run.poll();
        status.is_some()
    })?;
    let counts = match status {
        Some(status) => run.end(status),
        None => run.give_up()?,
    };
    interrupt::check()?;
    Ok(counts)
}

/// Beside the state of the stack, which is wiped.
pub(super) fn logs() -> Result<PathBuf> {
    let logs = local().join("logs").join("tests");
    fs::create_dir_all(&logs).with_context(|| format!("cannot make {}", logs.display()))?;
    Ok(logs)
}

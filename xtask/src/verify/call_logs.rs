//! 100,000 call logs, 1 % of them poison, that wait while Postgres is down.

use anyhow::{Result, bail};

use super::{Checks, Part, checks};
use crate::{
    builds,
    commands::end_to_end::{END_TO_END, ON_A_STACK, supervise},
    stack::{Ports, Stack, Supervisor},
    test_run::TestRun,
    tools,
};

pub(super) static PART: Part = Part {
    name: "call-logs",
    about: "100,000 call logs, 1 % of them poison, that wait while Postgres is down",
    needs: &[],
    run,
};

const STACK: &str = "verify-call-logs";

/// The test, and the variable with the number of call logs.
const TEST: &str = "faults::call_logs_with_poison";
const COUNT: (&str, &str) = ("TRICHROME_CALL_LOGS", "100000");

fn run(checks: &mut Checks) -> Result<()> {
    let Some(lock) = Stack::lock(STACK)? else {
        bail!("`cargo xtask verify` is already running in this clone");
    };
    tools::install()?;
    let [_, faults] = ON_A_STACK;
    let tests = builds::with_test(&[faults])?;
    let faults = builds::find(&tests, END_TO_END, faults)?;
    Stack::wipe(STACK, &lock)?;
    let mut supervisor = Supervisor::start(Stack::new(STACK, Ports::free()?, lock)?)?;
    let description = supervisor.stack().state.join("stack.json");
    let logs = checks::logs()?;
    let run = TestRun::begin_with(faults, &[COUNT], Some(TEST), &description, &logs)?;
    checks.add(supervise(&mut supervisor, run)?);
    Ok(())
}

//! `cargo xtask test`: everything, on a stack of its own.

use std::{fs, path::PathBuf, time::Instant};

use anyhow::{Context as _, Result, bail, ensure};
use clap::Args;

use super::lint;
use crate::{
    builds::{self, TestBinary},
    interrupt,
    progress::say,
    stack::{self, Ports, Stack, Supervisor},
    test_run::{Counts, TestRun},
    tools::Broker,
    workspace::root,
};

#[derive(Args)]
pub(crate) struct Options {
    /// Only the end-to-end tests
    #[arg(long)]
    e2e: bool,
    /// Only tests whose name holds this
    filter: Option<String>,
}

/// Where the end-to-end tests are, and their programs in the order in which they run: the
/// second stops and starts parts of the stack.
const END_TO_END: &str = "tests";
const ON_A_STACK: [&str; 2] = ["scenarios", "faults"];

pub(crate) fn run(options: &Options) -> Result<()> {
    let started = Instant::now();
    let Some(lock) = Stack::lock("test")? else {
        bail!("the tests run already, in this clone");
    };
    // Before anything is built: a wrong format should not take minutes to be told.
    if !options.e2e {
        lint::format()?;
    }
    let (broker, tests) = stack::set_up(builds::with_tests)?;
    let mut counts = Counts::default();
    if !options.e2e {
        lint::contract()?;
        lint::clippy()?;
        counts += without_stack(&tests, options)?;
        if options.filter.is_none() {
            Broker::test()?;
        }
    }
    let programs = ON_A_STACK
        .iter()
        .map(|target| builds::find(&tests, END_TO_END, target))
        .collect::<Result<Vec<_>>>()?;
    Stack::wipe("test", &lock)?;
    let mut supervisor = Supervisor::start(Stack::new("test", Ports::free()?, broker, lock)?)?;
    let on_stack = on_stack(&mut supervisor, &programs, options);
    let logs = supervisor.stack().logs.clone();
    drop(supervisor);
    counts += on_stack.with_context(|| format!("the stack's logs: {}", logs.display()))?;
    let seconds = started.elapsed().as_secs();
    let Counts {
        passed,
        failed,
        ignored,
    } = counts;
    say(format!(
        "{passed} tests passed, {failed} failed, {ignored} ignored, in {}:{:02} min",
        seconds / 60,
        seconds % 60
    ));
    ensure!(failed == 0, "{failed} tests failed");
    Ok(())
}

/// Unit and contract tests.
fn without_stack(tests: &[TestBinary], options: &Options) -> Result<Counts> {
    let logs = logs()?;
    let mut counts = Counts::default();
    for test in tests {
        let on_stack =
            test.folder == root().join(END_TO_END) && ON_A_STACK.contains(&test.target.as_str());
        if !on_stack {
            counts += TestRun::begin(test, options.filter.as_deref(), None, &logs)?.wait()?;
        }
    }
    ensure!(counts.failed == 0, "{} tests failed", counts.failed);
    Ok(counts)
}

/// All programs run, whatever the first says. The stack goes on being watched meanwhile:
/// tests stop and start its parts.
fn on_stack(
    supervisor: &mut Supervisor,
    programs: &[&TestBinary],
    options: &Options,
) -> Result<Counts> {
    let logs = logs()?;
    let description = supervisor.stack().state.join("stack.json");
    let mut counts = Counts::default();
    for program in programs {
        let filter = options.filter.as_deref();
        let mut run = TestRun::begin(program, filter, Some(&description), &logs)?;
        let mut status = None;
        supervisor.watch(|| {
            status = run.poll();
            status.is_some()
        })?;
        counts += match status {
            Some(status) => run.end(status),
            None => run.give_up()?,
        };
        interrupt::check()?;
    }
    Ok(counts)
}

/// Beside the state of the stack, which is wiped.
fn logs() -> Result<PathBuf> {
    let logs = crate::workspace::local().join("logs").join("tests");
    fs::create_dir_all(&logs).with_context(|| format!("cannot make {}", logs.display()))?;
    Ok(logs)
}

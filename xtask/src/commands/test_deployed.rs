//! The part of `cargo xtask test` that runs on a deployed stack: the same scenarios with
//! `template.yaml` in the local AWS, which enforces the functions' policies.

use std::fs;

use anyhow::{Context as _, Result, bail};

use super::end_to_end::{END_TO_END, logs, supervise};
use crate::{
    builds::{self, TestBinary},
    deploy::Target,
    stack::{Ports, Stack, Supervisor},
    test_run::{Counts, TestRun},
    tools,
};

/// The stack's name.
const NAME: &str = "test-deployed";

/// The tests' executables in order. The second deploys further stacks.
pub(super) const ON_A_DEPLOYED_STACK: [&str; 2] = ["scenarios", "deployment"];

pub(super) fn run(tests: &[TestBinary], filter: Option<&str>) -> Result<Counts> {
    let Some(lock) = Stack::lock(NAME)? else {
        bail!("another process of this clone is running the tests");
    };
    tools::install_deploy()?;
    Stack::wipe(NAME, &lock)?;
    let target = Target::Local { enforce_iam: true };
    let stack = Stack::new(NAME, Ports::free()?, lock)?.deployed_to(target, Vec::new());
    let logs = stack.logs.clone();
    on_stack(stack, tests, filter)
        .with_context(|| format!("the deployed stack's logs: {}", logs.display()))
}

fn on_stack(stack: Stack, tests: &[TestBinary], filter: Option<&str>) -> Result<Counts> {
    let mut supervisor = Supervisor::start(stack)?;
    // The log of the scenarios has the same name on both stacks.
    let logs = logs()?.join("deployed");
    fs::create_dir_all(&logs)?;
    let description = supervisor.stack().state.join("stack.json");
    let mut counts = Counts::default();
    for target in ON_A_DEPLOYED_STACK {
        let program = builds::find(tests, END_TO_END, target)?;
        let run = TestRun::begin(program, filter, Some(&description), &logs)?;
        counts += supervise(&mut supervisor, run)?;
    }
    Ok(counts)
}

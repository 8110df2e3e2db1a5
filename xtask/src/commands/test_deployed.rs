//! The part of `cargo xtask test` that runs on a deployed stack: the same scenarios with
//! `template.yaml` in the local AWS, which enforces the functions' policies. The gateway, its facade and
//! Kafka are the same as on the first stack, so each scenario runs once for each way into the functions:
//! over REST and gRPC.

use std::sync::mpsc::Receiver;

use anyhow::{Context as _, Result, bail};

use super::end_to_end::{Chosen, run_on};
use crate::{
    builds::TestBinary,
    deploy::Target,
    stack::{Ports, Stack},
    test_run::{Choice, Counts},
    tools,
};

/// The stack's name.
const NAME: &str = "test-deployed";

/// The tests' executables in order. The first deploys further stacks.
pub(super) const ON_A_DEPLOYED_STACK: [&str; 2] = ["deployment", "scenarios"];

/// Runs the tests. The scenarios begin once the sender of `others` is dropped, where there is one:
/// they need the whole machine, since their calls have deadlines.
pub(super) fn run(
    tests: &[TestBinary],
    filter: Option<&str>,
    others: Option<Receiver<()>>,
) -> Result<Counts> {
    let Some(lock) = Stack::lock(NAME)? else {
        bail!("another process of this clone is running the tests");
    };
    tools::install_deploy()?;
    Stack::wipe(NAME, &lock)?;
    let target = Target::Local { enforce_iam: true };
    let stack = Stack::new(NAME, Ports::free()?, lock)?.deployed_to(target, Vec::new());
    let [deployment, scenarios] = ON_A_DEPLOYED_STACK;
    let chosen = [
        (deployment, Choice::All, None),
        (scenarios, Choice::Functions, others),
    ]
    .map(|(target, choice, after)| Chosen {
        target,
        choice,
        only: None,
        after,
    });
    run_on(stack, "deployed", chosen, tests, filter).context("the tests on a deployed stack")
}

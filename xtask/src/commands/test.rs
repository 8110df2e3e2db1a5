//! `cargo xtask test`: everything, on a stack of its own.

use std::{fs, process::Command, time::Instant};

use anyhow::{Context as _, Result, bail};
use clap::Args;

use super::lint;
use crate::{
    process,
    stack::{self, Ports, Stack, Supervisor},
    workspace::{cargo, root},
};

#[derive(Args)]
pub(crate) struct Options {
    /// Only the end-to-end tests
    #[arg(long)]
    e2e: bool,
    /// Only tests whose name holds this
    filter: Option<String>,
}

/// The package of the end-to-end tests.
const END_TO_END: &str = "trichrome-tests";

pub(crate) fn run(options: &Options) -> Result<()> {
    let started = Instant::now();
    let state = Stack::state("test");
    if stack::is_running(&state) {
        bail!("the tests run already, in this clone");
    }
    let broker = stack::set_up()?;
    if !options.e2e {
        lint::run()?;
        println!("unit and contract tests");
        cargo_test(&["--workspace", "--exclude", END_TO_END], options, None)?;
    }
    // Compiled before the stack starts: its functions start through cargo as well.
    process::run(
        Command::new(cargo())
            .args(["test", "--workspace", "--locked", "--no-run", "--quiet"])
            .current_dir(root()),
    )?;
    println!("end-to-end tests");
    if state.exists() {
        fs::remove_dir_all(&state).context("cannot clear the last run's state")?;
    }
    let mut supervisor = Supervisor::start(Stack::new("test", Ports::free()?, broker)?)?;
    let tests = end_to_end(&mut supervisor, options);
    let logs = supervisor.stack().logs.clone();
    drop(supervisor);
    tests.with_context(|| format!("the stack's logs: {}", logs.display()))?;
    println!("all tests passed, in {} s", started.elapsed().as_secs());
    Ok(())
}

fn cargo_test(packages: &[&str], options: &Options, stack: Option<&Stack>) -> Result<()> {
    process::run(&mut test_command(packages, options, stack))
}

fn test_command(packages: &[&str], options: &Options, stack: Option<&Stack>) -> Command {
    let mut command = Command::new(cargo());
    command
        .arg("test")
        .args(packages)
        .args(["--locked", "--no-fail-fast"])
        .args(&options.filter)
        .current_dir(root());
    if let Some(stack) = stack {
        command.env("TRICHROME_STACK", stack.state.join("stack.json"));
    }
    command
}

/// The stack goes on being watched while the tests run: they stop and start its parts.
fn end_to_end(supervisor: &mut Supervisor, options: &Options) -> Result<()> {
    let mut command = test_command(
        &["--package", END_TO_END],
        options,
        Some(supervisor.stack()),
    );
    let mut child = process::spawn(&mut command)?;
    let mut status = None;
    supervisor.watch(|| {
        status = child.try_wait().ok().flatten();
        status.is_some()
    })?;
    match status {
        Some(status) if status.success() => Ok(()),
        Some(status) => bail!("end-to-end tests: {status}"),
        None => {
            let _ = child.kill();
            let _ = child.wait();
            bail!("interrupted")
        }
    }
}

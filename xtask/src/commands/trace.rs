//! `cargo xtask trace`.

use std::{os::unix::process::CommandExt as _, process::Command};

use anyhow::{Context as _, Result, ensure};
use clap::Args;

use crate::{
    observe::traces,
    stack::{self, Stack},
    workspace::binary,
};

#[derive(Args)]
pub(crate) struct Options {
    /// Trace id, or the start of one; lists the newest traces if omitted
    id: Option<String>,
    /// Show the newest trace of a call
    #[arg(short, long, conflicts_with = "id")]
    last: bool,
}

/// Runs the store's own program, which reads the format that it writes.
pub(crate) fn run(options: &Options) -> Result<()> {
    let program = binary("trace-store");
    ensure!(
        program.exists(),
        "no traces yet: start `cargo xtask up --observe` and make a call"
    );
    let action = match &options.id {
        Some(_) => "show",
        None if options.last => "last",
        None => "list",
    };
    let mut command = Command::new(program);
    command
        .arg(action)
        .arg(traces(&Stack::state(stack::in_use())))
        .args(&options.id);
    Err(command.exec()).context("cannot start trace-store")
}

//! `cargo xtask restart`.

use anyhow::{Result, ensure};
use clap::Args;

use crate::{
    builds,
    progress::say,
    stack::{self, Description, Stack, control},
};

#[derive(Args)]
pub(crate) struct Options {
    /// gateway, api, functions, event-source, kafka, postgres or ministack, or one function, such as
    /// pictures-list
    part: String,
}

/// Builds first, so that what starts is what has been saved. A function's old processes serve
/// until the new ones do.
pub(crate) fn run(options: &Options) -> Result<()> {
    let name = stack::in_use();
    Description::read(name)?;
    builds::programs()?;
    let answer = control::ask(&Stack::state(name), &format!("restart {}", options.part))?;
    ensure!(answer == "ok", "{}", answer.trim_start_matches("error "));
    say(format!("{} has been started again", options.part));
    Ok(())
}

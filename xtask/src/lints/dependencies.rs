//! What the project depends on: licences, sources, bans and known vulnerabilities, by
//! cargo-deny and `deny.toml`.

use std::process::{Command, Stdio};

use anyhow::Result;

use crate::{process, progress::say, tools, workspace::root};

pub(crate) fn run() -> Result<()> {
    of_this_commit()?;
    // The advisories are a git repository on GitHub, which not every machine reaches.
    if !fetched()? {
        say("! cargo deny: advisories were NOT checked: their database could not be fetched");
        return Ok(());
    }
    check(&["--disable-fetch", "advisories"], "cargo deny: advisories")
}

/// What only a change of the project can break. A new advisory is no reason for the tests of
/// an unchanged commit to fail.
pub(crate) fn of_this_commit() -> Result<()> {
    tools::deny::install()?;
    check(
        &["licenses", "bans", "sources"],
        "cargo deny: licences, bans, sources",
    )
}

fn cargo_deny() -> Command {
    let mut command = tools::deny::cargo_deny();
    command
        .args(["--locked", "--config"])
        .arg(root().join("deny.toml"))
        .current_dir(root());
    command
}

fn fetched() -> Result<bool> {
    let status = cargo_deny()
        .args(["fetch", "db"])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()?;
    Ok(status.success())
}

fn check(arguments: &[&str], step: &str) -> Result<()> {
    process::run_logged(
        cargo_deny()
            .args(["check", "--hide-inclusion-graph"])
            .args(arguments),
        step,
        &tools::logs()?.join("cargo-deny.log"),
    )
}

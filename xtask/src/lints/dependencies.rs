//! Licences, sources, bans and known vulnerabilities of the dependencies, checked by cargo-deny
//! as `deny.toml` configures it.

use std::process::Command;

use anyhow::Result;

use crate::{process, progress::say, tools, workspace::root};

/// Licences, bans and sources.
pub(crate) fn of_this_commit() -> Result<()> {
    tools::deny::install()?;
    check(
        &["licenses", "bans", "sources"],
        "cargo deny: licences, bans, sources",
    )
}

/// Known vulnerabilities.
pub(crate) fn advisories() -> Result<()> {
    tools::deny::install()?;
    // The advisories are in a git repository that not every machine can reach.
    if !process::succeeds(cargo_deny().args(["fetch", "db"])) {
        say("! cargo deny: advisories were NOT checked: their database can't be fetched");
        return Ok(());
    }
    check(&["--disable-fetch", "advisories"], "cargo deny: advisories")
}

fn cargo_deny() -> Command {
    let mut command = tools::deny::cargo_deny();
    command
        .args(["--locked", "--config"])
        .arg(root().join("deny.toml"))
        .current_dir(root());
    command
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

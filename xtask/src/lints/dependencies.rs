//! What the project depends on: licences, sources, bans and known vulnerabilities, by
//! cargo-deny and `deny.toml`.

use std::process::{Command, Stdio};

use anyhow::Result;

use crate::{process, progress::say, tools, workspace::root};

/// The workspaces, each with a lock file of its own.
const WORKSPACES: [&str; 2] = [".", "localstack/kafka"];

pub(crate) fn run() -> Result<()> {
    tools::deny::install()?;
    for workspace in WORKSPACES {
        let name = if workspace == "." { "" } else { " (broker)" };
        check(
            workspace,
            &["licenses", "bans", "sources"],
            &format!("cargo deny: licences, bans, sources{name}"),
        )?;
    }
    // The advisories are a git repository on GitHub, which not every machine reaches.
    if !fetched()? {
        say("! cargo deny: advisories were NOT checked: their database could not be fetched");
        return Ok(());
    }
    for workspace in WORKSPACES {
        check(
            workspace,
            &["--disable-fetch", "advisories"],
            &format!("cargo deny: advisories, {workspace}"),
        )?;
    }
    Ok(())
}

fn cargo_deny(workspace: &str) -> Command {
    let mut command = tools::deny::cargo_deny();
    command
        .args(["--locked", "--config"])
        .arg(root().join("deny.toml"))
        .current_dir(root().join(workspace));
    command
}

fn fetched() -> Result<bool> {
    let status = cargo_deny(".")
        .args(["fetch", "db"])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()?;
    Ok(status.success())
}

fn check(workspace: &str, arguments: &[&str], step: &str) -> Result<()> {
    process::run_logged(
        cargo_deny(workspace)
            .args(["check", "--hide-inclusion-graph"])
            .args(arguments),
        step,
        &tools::logs()?.join("cargo-deny.log"),
    )
}

//! cargo-deny, built from crates.io; that takes a minute or two.

use std::{path::PathBuf, process::Command};

use anyhow::Result;

use super::{directory, lock, logs};
use crate::{
    builds,
    workspace::{cargo, local},
};

/// Pinned here since no other tool comes as a crate.
const VERSION: &str = "0.20.2";

fn folder() -> PathBuf {
    directory().join(format!("cargo-deny-{VERSION}"))
}

fn program() -> PathBuf {
    folder().join("bin/cargo-deny")
}

/// Builds it unless this version is there: unoptimised, and without its HTTP client, since it
/// fetches advisories by git.
pub(crate) fn install() -> Result<()> {
    let _lock = lock("cargo-deny")?;
    if program().exists() {
        return Ok(());
    }
    let log = logs()?.join("cargo-deny-build.log");
    let mut command = cargo();
    command
        .args(["install", "cargo-deny", "--version", VERSION])
        .args(["--locked", "--debug", "--no-default-features", "--root"])
        .arg(folder())
        .arg("--target-dir")
        .arg(local().join("build/cargo-deny"));
    builds::run(&mut command, "cargo-deny, built once", &log)
}

/// `cargo deny`.
pub(crate) fn cargo_deny() -> Command {
    Command::new(program())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workspace::root;

    #[test]
    fn the_workflow_uses_the_same_version() {
        let workflow = std::fs::read_to_string(root().join(".github/workflows/ci.yml")).unwrap();
        assert!(workflow.contains(&format!("cargo-deny --version {VERSION} ")));
    }
}

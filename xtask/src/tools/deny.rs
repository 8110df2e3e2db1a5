//! cargo-deny, from crates.io: built once, for a minute or two.

use std::{path::PathBuf, process::Command};

use anyhow::Result;

use super::{directory, lock, logs};
use crate::{
    builds::Counter,
    process,
    workspace::{cargo, local},
};

/// Pinned here: it is the one tool that comes as a crate.
const VERSION: &str = "0.20.2";

fn folder() -> PathBuf {
    directory().join(format!("cargo-deny-{VERSION}"))
}

fn program() -> PathBuf {
    folder().join("bin/cargo-deny")
}

/// Builds it, unless this version is there. Unoptimised, and without its own downloader: it
/// fetches advisories by git.
pub(crate) fn install() -> Result<()> {
    let _lock = lock()?;
    if program().exists() {
        return Ok(());
    }
    let log = logs()?.join("cargo-deny-build.log");
    let counter = Counter::new(&log);
    let mut command = cargo();
    command
        .args(["install", "cargo-deny", "--version", VERSION])
        .args(["--locked", "--debug", "--no-default-features", "--root"])
        .arg(folder())
        .arg("--target-dir")
        .arg(local().join("build/cargo-deny"));
    process::run_told(&mut command, "cargo-deny, built once", &log, move || {
        counter.remark()
    })
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
    fn forks_check_with_the_same_version() {
        let workflow = std::fs::read_to_string(root().join(".github/workflows/ci.yml")).unwrap();
        assert!(workflow.contains(&format!("cargo-deny --version {VERSION} ")));
    }
}

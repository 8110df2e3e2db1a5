//! From npm: buf and Redocly's linter; and what the folders with packages of their own need.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, Result, bail};

use super::{Stamp, directory, logs, once, pins};
use crate::process;

/// Installs what a folder's lock file says. No package here needs a script of its own to be
/// installed, so none may run one.
pub(crate) const INSTALL: &str = "npm ci --ignore-scripts --no-audit --no-fund";

fn modules() -> PathBuf {
    directory().join("node")
}

/// Installs what is missing.
pub(crate) fn install() -> Result<()> {
    let inputs = ["package.json", "package-lock.json"].map(|name| pins().join(name));
    once("node", &inputs, || {
        check()?;
        std::fs::create_dir_all(modules())?;
        for input in &inputs {
            if let Some(name) = input.file_name() {
                std::fs::copy(input, modules().join(name))?;
            }
        }
        process::run_logged(
            Command::new("npm")
                .args(["ci", "--no-audit", "--no-fund"])
                .current_dir(modules()),
            "buf and Redocly (npm)",
            &logs()?.join("npm.log"),
        )
    })
}

/// A program of one of the packages.
pub(crate) fn program(name: &str) -> PathBuf {
    modules().join("node_modules/.bin").join(name)
}

/// Fails where Node.js or npm is missing or too old.
pub(crate) fn check() -> Result<()> {
    let version = |program: &str| {
        Command::new(program)
            .arg("--version")
            .output()
            .ok()
            .filter(|output| output.status.success())
            .and_then(|output| String::from_utf8(output.stdout).ok())
    };
    let node = version("node").context("no Node.js: install version 20.19 or newer, with npm")?;
    if !is_enough(&node) {
        bail!(
            "Node.js {} is too old: install 20.19, 22.12 or newer",
            node.trim()
        );
    }
    version("npm").context("no npm: install it beside Node.js")?;
    Ok(())
}

/// What Vite asks for (its `engines`: `^20.19.0 || >=22.12.0`), the most of all tools here.
fn is_enough(version: &str) -> bool {
    let mut numbers = version
        .trim()
        .trim_start_matches('v')
        .split('.')
        .map_while(|number| number.parse::<u32>().ok());
    match (numbers.next(), numbers.next()) {
        (Some(20), Some(minor)) => minor >= 19,
        (Some(22), Some(minor)) => minor >= 12,
        (Some(major), _) => major > 22,
        _ => false,
    }
}

/// Says whether a folder's packages are installed as its lock file has them.
pub(crate) fn packages_stamp(name: &str, folder: &Path) -> Result<Stamp> {
    Stamp::of(name, &[folder.join("package-lock.json")])
}

/// One of the scripts in a folder's `package.json`.
pub(crate) fn script(name: &str, folder: &Path) -> Command {
    let mut command = Command::new("npm");
    command
        .args(["run", "--silent", name, "--"])
        // Its output goes to a log.
        .env("NO_COLOR", "1")
        .env_remove("FORCE_COLOR")
        .current_dir(folder);
    command
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_told_apart() {
        for (version, enough) in [
            ("v20.20.2\n", true),
            ("v20.18.0", false),
            ("v21.7.3", false),
            ("v22.11.0", false),
            ("v22.12.0", true),
            ("v24.0.0", true),
            ("node", false),
        ] {
            assert_eq!(is_enough(version), enough, "{version}");
        }
    }
}

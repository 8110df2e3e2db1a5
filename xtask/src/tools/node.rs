//! From npm: buf and Redocly's linter.

use std::{path::PathBuf, process::Command};

use anyhow::{Context as _, Result};

use super::{directory, logs, once, pins};
use crate::process;

fn modules() -> PathBuf {
    directory().join("node")
}

/// Installs what is missing.
pub(crate) fn install() -> Result<()> {
    let inputs = ["package.json", "package-lock.json"].map(|name| pins().join(name));
    once("node", &inputs, || {
        Command::new("npm")
            .arg("--version")
            .output()
            .context("no npm: install Node.js 20 or newer, with npm")?;
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

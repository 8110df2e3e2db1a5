//! From PyPI: what deploys `template.yaml` to the local AWS, and what checks it.
//!
//! Not a part of every installation: the checks alone are 630 MB.

use std::{path::PathBuf, process::Command};

use anyhow::Result;

use super::{
    directory, logs, once, pins,
    python::{REQUIREMENTS, environment, pip, venv},
};

/// The requirements of each check's environment: they do not agree on their dependencies.
const SAM: &str = "sam";
const CHECKOV: &str = "checkov";

/// Installs what the local AWS needs to take the template, beside the other tools.
pub(crate) fn install_deploy() -> Result<()> {
    let _lock = super::lock()?;
    // The environment is made anew with the first of them, and this goes with it.
    let inputs = [REQUIREMENTS, "requirements-deploy.txt"].map(|name| pins().join(name));
    once("deploy", &inputs, || {
        pip(&venv(), &inputs[1], "SAM's transform (PyPI)")
    })
}

/// Installs the checks: SAM's command line with cfn-lint, and checkov.
pub(crate) fn install_checks() -> Result<()> {
    let _lock = super::lock()?;
    for (name, step) in [
        (SAM, "SAM and cfn-lint (PyPI)"),
        (CHECKOV, "checkov (PyPI)"),
    ] {
        let requirements = pins().join(format!("requirements-{name}.txt"));
        once(name, std::slice::from_ref(&requirements), || {
            environment(&folder(name), &logs()?)?;
            pip(&folder(name), &requirements, step)
        })?;
    }
    Ok(())
}

fn folder(name: &str) -> PathBuf {
    directory().join(name)
}

/// A program of theirs; `SAM_CLI_TELEMETRY` and the like are the caller's.
fn program(environment: &str, name: &str) -> Command {
    Command::new(folder(environment).join("bin").join(name))
}

pub(crate) fn cfn_lint() -> Command {
    program(SAM, "cfn-lint")
}

pub(crate) fn sam() -> Command {
    program(SAM, "sam")
}

pub(crate) fn checkov() -> Command {
    program(CHECKOV, "checkov")
}

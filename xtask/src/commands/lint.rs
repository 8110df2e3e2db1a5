//! `cargo xtask lint`.

use std::process::Command;

use anyhow::Result;

use crate::{
    builds::EVERYTHING,
    process, tools,
    workspace::{cargo, root},
};

pub(crate) fn run() -> Result<()> {
    tools::install()?;
    format()?;
    contract()?;
    clippy()
}

/// Format, of the broker's workspace too.
pub(crate) fn format() -> Result<()> {
    for workspace in [root().to_owned(), root().join("localstack/kafka")] {
        process::run(
            cargo()
                .args(["fmt", "--all", "--check"])
                .current_dir(workspace),
        )?;
    }
    done("format")
}

/// The contract, and what is generated from it.
pub(crate) fn contract() -> Result<()> {
    let proto = root().join("proto");
    logged(
        Command::new(tools::node_program("buf"))
            .arg("lint")
            .current_dir(&proto),
        "buf lint",
        "buf",
    )?;
    logged(
        Command::new(tools::node_program("redocly"))
            .args(["lint", "openapi.json"])
            .env("REDOCLY_TELEMETRY", "off")
            .env("REDOCLY_SUPPRESS_UPDATE_NOTICE", "true")
            .current_dir(proto),
        "openapi.json",
        "redocly",
    )
}

/// Rust's lints, tests included.
pub(crate) fn clippy() -> Result<()> {
    logged(
        cargo()
            .arg("clippy")
            .args(EVERYTHING)
            .args(["--", "-D", "warnings"])
            .current_dir(root()),
        "clippy",
        "clippy",
    )
}

fn logged(command: &mut Command, step: &str, log: &str) -> Result<()> {
    let log = tools::logs()?.join(format!("{log}.log"));
    process::run_logged(command, step, &log)
}

fn done(step: &str) -> Result<()> {
    crate::progress::Step::begin(step).end(true);
    Ok(())
}

//! `cargo xtask lint`.

use std::process::Command;

use anyhow::Result;

use crate::{
    process, tools,
    workspace::{cargo, root},
};

pub(crate) fn run() -> Result<()> {
    tools::install_node()?;
    process::run(
        Command::new(cargo())
            .args(["fmt", "--all", "--check"])
            .current_dir(root()),
    )?;
    println!("✓ format");
    process::run(
        Command::new(tools::node_program("buf"))
            .arg("lint")
            .current_dir(root().join("proto")),
    )?;
    println!("✓ buf lint");
    process::run(
        Command::new(tools::node_program("redocly"))
            .args(["lint", "openapi.json"])
            .env("REDOCLY_TELEMETRY", "off")
            .env("REDOCLY_SUPPRESS_UPDATE_NOTICE", "true")
            .current_dir(root().join("proto")),
    )?;
    println!("✓ openapi.json");
    process::run(
        Command::new(cargo())
            .args(["clippy", "--workspace", "--all-targets", "--locked", "--"])
            .args(["-D", "warnings"])
            .current_dir(root()),
    )?;
    println!("✓ clippy");
    Ok(())
}

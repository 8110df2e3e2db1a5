//! `cargo xtask generate`.

use std::process::Command;

use anyhow::Result;

use crate::{
    process,
    workspace::{cargo, root},
};

pub(crate) fn run() -> Result<()> {
    process::run(
        Command::new(cargo())
            .args(["run", "--quiet", "--package", "trichrome-proto"])
            .args(["--features", "reflect", "--example", "generate"])
            .current_dir(root()),
    )
}

//! `cargo xtask generate`.

use anyhow::Result;

use crate::{
    observe::dashboards,
    process,
    workspace::{cargo, root},
};

pub(crate) fn run() -> Result<()> {
    process::run(
        cargo()
            .args(["run", "--quiet", "--package", "trichrome-proto"])
            .args(["--features", "reflect", "--example", "generate"])
            .current_dir(root()),
    )?;
    dashboards::write()
}

//! Newman, which runs the Postman collection.

use std::{path::PathBuf, process::Command};

use anyhow::Result;

use super::{lock, logs, node};
use crate::{process, workspace::root};

/// Installs what is missing.
pub(crate) fn install() -> Result<()> {
    let _lock = lock()?;
    let stamp = node::packages_stamp("postman", &folder())?;
    if stamp.is_set() && folder().join("node_modules").exists() {
        return Ok(());
    }
    node::check()?;
    process::run_logged(
        Command::new("sh")
            .args(["-c", node::INSTALL])
            .current_dir(folder()),
        "Newman (npm)",
        &logs()?.join("npm-postman.log"),
    )?;
    stamp.set()
}

/// One of the scripts in its `package.json`.
pub(crate) fn script(name: &str) -> Command {
    node::script(name, &folder())
}

fn folder() -> PathBuf {
    root().join("docs/postman")
}

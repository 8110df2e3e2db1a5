//! etcd: the machine's own, or Debian's package unpacked under `.local/`.

use std::path::PathBuf;

use anyhow::{Context as _, Result};

use super::{
    debian::{on_path, unpack},
    directory, lock,
};

/// The program, which is downloaded if it is missing.
///
/// # Errors
///
/// The download fails; the error says how else to get it.
pub(crate) fn program() -> Result<PathBuf> {
    let _lock = lock("etcd")?;
    if let Some(program) = on_path("etcd") {
        return Ok(program);
    }
    let folder = directory().join("etcd");
    let program = folder.join("usr/bin/etcd");
    if !program.is_file() {
        unpack(&folder, &["etcd-server"])
            .context("there is no etcd: install it, 3.4 or newer, so that it is on the PATH")?;
    }
    Ok(program)
}

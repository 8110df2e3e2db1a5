//! Prometheus and promtool: the machine's own, or Debian's package unpacked under `.local/`.

use std::path::PathBuf;

use anyhow::{Context as _, Result};

use super::{
    debian::{on_path, unpack},
    directory, lock,
};

/// Where the package is unpacked.
fn folder() -> PathBuf {
    directory().join("prometheus")
}

/// Downloads the package if the programs are missing.
///
/// # Errors
///
/// The download fails; the error says how else to get it.
pub(crate) fn install() -> Result<()> {
    let _lock = lock("prometheus")?;
    if program("prometheus").is_ok() && program("promtool").is_ok() {
        return Ok(());
    }
    unpack(&folder(), &["prometheus"]).context(
        "there is no prometheus with promtool: install Prometheus, 2.42 or newer \
         (https://prometheus.io/download), so that both are on the PATH",
    )
}

/// `prometheus` or `promtool`: the machine's, or else the unpacked one.
pub(crate) fn program(name: &str) -> Result<PathBuf> {
    let unpacked = folder().join("usr/bin").join(name);
    on_path(name)
        .or_else(|| unpacked.is_file().then_some(unpacked))
        .with_context(|| format!("no {name}: run `cargo xtask lint`, which downloads it"))
}

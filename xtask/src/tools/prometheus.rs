//! Prometheus and promtool: the machine's own, or Debian's package unpacked under `.local/`.

use std::{env, fs, path::PathBuf, process::Command};

use anyhow::{Context as _, Result};

use super::{directory, lock, logs};
use crate::process;

/// Fetches missing package lists, which needs root. The package is unpacked rather than
/// installed, so that no service is started and the system stays as it is.
const UNPACK: &str = "\
    apt-get download prometheus || { apt-get update -q && apt-get download prometheus; }; \
    dpkg -x prometheus_*.deb . && rm prometheus_*.deb";

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
    let folder = folder();
    if folder.exists() {
        fs::remove_dir_all(&folder)?;
    }
    fs::create_dir_all(&folder)?;
    process::run_logged(
        Command::new("sh")
            .args(["-ec", UNPACK])
            .env("DEBIAN_FRONTEND", "noninteractive")
            .current_dir(&folder),
        "Prometheus (Debian's package)",
        &logs()?.join("prometheus-package.log"),
    )
    .context(
        "there is no prometheus with promtool: install Prometheus, 2.42 or newer \
         (https://prometheus.io/download), so that both are on the PATH",
    )
}

/// `prometheus` or `promtool`: the machine's, or else the unpacked one.
pub(crate) fn program(name: &str) -> Result<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&path)
        .chain([folder().join("usr/bin")])
        .map(|folder| folder.join(name))
        .find(|program| program.is_file())
        .with_context(|| format!("no {name}: run `cargo xtask lint`, which downloads it"))
}

//! Prometheus and promtool: the machine's own, or Debian's package unpacked under `.local/`.
//! No registry of language packages has them.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, Result};

use super::{directory, lock, logs};
use crate::process;

/// Lists of packages that are not there are fetched, which takes root. Unpacked, not
/// installed: nothing is started, and nothing else of the machine changes.
const UNPACK: &str = "\
    apt-get download prometheus || { apt-get update -q && apt-get download prometheus; }; \
    dpkg -x prometheus_*.deb . && rm prometheus_*.deb";

/// Where it is unpacked.
fn folder() -> PathBuf {
    directory().join("prometheus")
}

/// Gets it, if it is missing.
///
/// # Errors
///
/// Says how to get it otherwise.
pub(crate) fn install() -> Result<()> {
    let _lock = lock()?;
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

/// `prometheus` or `promtool`: the machine's, else the unpacked one.
pub(crate) fn program(name: &str) -> Result<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&path)
        .chain([folder().join("usr/bin")])
        .map(|folder| folder.join(name))
        .find(|program| program.is_file())
        .with_context(|| format!("no {name}: run `cargo xtask lint`, which gets it"))
}

/// Whether the server has its pages. Debian's looks for them where the package would have put
/// them, so the unpacked one has its API alone.
pub(crate) fn has_pages() -> bool {
    Path::new("/usr/share/prometheus/web").exists()
        || program("prometheus").is_ok_and(|program| !program.starts_with(directory()))
}

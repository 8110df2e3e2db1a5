//! etcd: the machine's own, or Debian's package unpacked under `.local/`.

use std::{env, fs, path::PathBuf, process::Command};

use anyhow::{Context as _, Result};

use super::{directory, lock, logs};
use crate::process;

/// Fetches missing package lists, which needs root. The package is unpacked rather than
/// installed, so that no service is started and the system stays as it is.
const UNPACK: &str = "\
    apt-get download etcd-server || { apt-get update -q && apt-get download etcd-server; }; \
    dpkg -x etcd-server_*.deb . && rm etcd-server_*.deb";

/// The program, which is downloaded if it is missing.
///
/// # Errors
///
/// The download fails; the error says how else to get it.
pub(crate) fn program() -> Result<PathBuf> {
    let _lock = lock("etcd")?;
    let path = env::var_os("PATH").unwrap_or_default();
    let mut installed = env::split_paths(&path).map(|folder| folder.join("etcd"));
    if let Some(program) = installed.find(|program| program.is_file()) {
        return Ok(program);
    }
    let folder = directory().join("etcd");
    let program = folder.join("usr/bin/etcd");
    if !program.is_file() {
        if folder.exists() {
            fs::remove_dir_all(&folder)?;
        }
        fs::create_dir_all(&folder)?;
        process::run_logged(
            Command::new("sh")
                .args(["-ec", UNPACK])
                .env("DEBIAN_FRONTEND", "noninteractive")
                .current_dir(&folder),
            "etcd (Debian's package)",
            &logs()?.join("etcd-package.log"),
        )
        .context("there is no etcd: install it, 3.4 or newer, so that it is on the PATH")?;
    }
    Ok(program)
}

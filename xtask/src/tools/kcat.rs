//! kcat: the machine's own, or Debian's package unpacked under `.local/`.

use std::{
    env::{self, consts::ARCH},
    fs,
    path::Path,
    process::Command,
};

use anyhow::{Context as _, Result};

use super::{directory, lock, logs};
use crate::process;

/// Fetches missing package lists, which needs root. The packages are unpacked rather than
/// installed, so that the system stays as it is.
const UNPACK: &str = "\
    set -- kcat librdkafka1 libyajl2; \
    apt-get download \"$@\" || { apt-get update -q && apt-get download \"$@\"; }; \
    for package in *.deb; do dpkg -x \"$package\" .; done; rm ./*.deb";

/// The command that runs it, which is downloaded if it is missing.
///
/// # Errors
///
/// The download fails; the error says how else to get it.
pub(crate) fn command() -> Result<Vec<String>> {
    let _lock = lock("kcat")?;
    let path = env::var_os("PATH").unwrap_or_default();
    let mut installed = env::split_paths(&path).map(|folder| folder.join("kcat"));
    if let Some(program) = installed.find(|program| program.is_file()) {
        return Ok(vec![program.display().to_string()]);
    }
    let folder = directory().join("kcat");
    let program = folder.join("usr/bin/kcat");
    if !program.is_file() {
        unpack(&folder)?;
    }
    // Debian's name of this machine.
    let libraries = folder.join(format!("usr/lib/{ARCH}-linux-gnu"));
    Ok(vec![
        "env".to_owned(),
        format!("LD_LIBRARY_PATH={}", libraries.display()),
        program.display().to_string(),
    ])
}

fn unpack(folder: &Path) -> Result<()> {
    if folder.exists() {
        fs::remove_dir_all(folder)?;
    }
    fs::create_dir_all(folder)?;
    process::run_logged(
        Command::new("sh")
            .args(["-ec", UNPACK])
            .env("DEBIAN_FRONTEND", "noninteractive")
            .current_dir(folder),
        "kcat (Debian's package)",
        &logs()?.join("kcat-package.log"),
    )
    .context("there is no kcat: install it, so that it is on the PATH")
}

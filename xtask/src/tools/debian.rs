//! Programs of the machine, or of Debian's packages.

use std::{env, fs, path::Path, path::PathBuf, process::Command};

use anyhow::Result;

use super::logs;
use crate::process;

/// Unpacks packages into the working directory. Fetches missing package lists, which needs root. The
/// packages are unpacked rather than installed, so that no service is started and the system stays
/// as it is.
const UNPACK: &str = "\
    apt-get download \"$@\" || { apt-get update -q && apt-get download \"$@\"; }; \
    for package in *.deb; do dpkg -x \"$package\" .; done; rm ./*.deb";

/// The machine's own program of this name.
pub(super) fn on_path(name: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH")?;
    env::split_paths(&path)
        .map(|folder| folder.join(name))
        .find(|program| program.is_file())
}

/// Unpacks packages into a folder, in place of what it has. The first one is the program's.
pub(super) fn unpack(folder: &Path, packages: &[&str]) -> Result<()> {
    let name = packages.first().copied().unwrap_or_default();
    if folder.exists() {
        fs::remove_dir_all(folder)?;
    }
    fs::create_dir_all(folder)?;
    process::run_logged(
        Command::new("sh")
            .args(["-ec", UNPACK, "sh"])
            .args(packages)
            .env("DEBIAN_FRONTEND", "noninteractive")
            .current_dir(folder),
        &format!("{name} (Debian's package)"),
        &logs()?.join(format!("{name}-package.log")),
    )
}

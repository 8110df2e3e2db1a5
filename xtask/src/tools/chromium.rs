//! Chromium, for the browser tests: the machine's own, or Debian's package. Unlike all other
//! tools it is installed system-wide.

use std::{fs, path::PathBuf, process::Command};

use anyhow::{Context as _, Result, bail};

use super::{logs, node};
use crate::{job::Job, workspace::root};

/// Seconds allowed for downloading 100 MB and installing them.
const TIMEOUT: &str = "900";

/// Updates the package lists first, since they may be missing or old; what counts is that the
/// package can be installed. Waits for other processes that run apt.
const INSTALL: &str = "apt-get update -q -o Acquire::Retries=3; \
    exec apt-get install -y -q --no-install-recommends \
    -o Acquire::Retries=3 -o DPkg::Lock::Timeout=120 chromium";

/// Chromium, possibly being installed in the background; dropping this stops that.
pub(crate) struct Chromium {
    installing: Option<Job>,
}

impl Chromium {
    /// Starts to install it if it is missing.
    ///
    /// # Errors
    ///
    /// It is missing and can't be installed here; the error says how to get it.
    pub(crate) fn begin() -> Result<Self> {
        node::check()?;
        if find()?.is_some() {
            return Ok(Self { installing: None });
        }
        if !is_debian() {
            bail!(
                "no Chromium for the browser tests: install Chromium or Chrome, or name one in CHROMIUM"
            );
        }
        if !rustix::process::geteuid().is_root() {
            bail!("no Chromium for the browser tests: run `sudo apt-get install chromium`");
        }
        let mut command = Command::new("timeout");
        command
            .args(["--kill-after=10", TIMEOUT, "sh", "-c", INSTALL])
            .env("DEBIAN_FRONTEND", "noninteractive");
        let log = logs()?.join("chromium.log");
        let installing = Job::begin(&mut command, "Chromium (apt-get)", &log, None)?;
        Ok(Self {
            installing: Some(installing),
        })
    }

    /// Waits for the installation and returns the program.
    pub(crate) fn finish(self) -> Result<PathBuf> {
        let installed = self.installing.map_or(Ok(()), Job::finish);
        // Another process may have installed it.
        if let Some(program) = find()? {
            return Ok(program);
        }
        installed.context("cannot install Chromium; install it, or name one in CHROMIUM")?;
        bail!("apt-get installed Chromium, but it isn't on the PATH")
    }
}

/// Runs the script that the browser tests and the Lighthouse report use as well.
fn find() -> Result<Option<PathBuf>> {
    let output = Command::new("node")
        .arg(root().join("web/scripts/chromium.mjs"))
        .output()
        .context("cannot run node")?;
    let path = String::from_utf8(output.stdout).context("Chromium's path is not UTF-8")?;
    Ok(output.status.success().then(|| path.trim().into()))
}

/// Debian itself: on Ubuntu, the package only installs a snap.
fn is_debian() -> bool {
    fs::read_to_string("/etc/os-release").is_ok_and(|text| id(&text) == Some("debian"))
}

/// The field `ID` of `os-release(5)`.
fn id(text: &str) -> Option<&str> {
    let id = text.lines().find_map(|line| line.strip_prefix("ID="))?;
    Some(id.trim().trim_matches('"'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debian_is_distinguished_from_its_derivatives() {
        assert_eq!(id("NAME=\"Debian\"\nID=debian\n"), Some("debian"));
        assert_eq!(id("ID_LIKE=debian\nID=\"ubuntu\""), Some("ubuntu"));
        assert_eq!(id(""), None);
    }
}

//! Chromium, for the browser tests: the machine's own. No registry of packages has it, so it
//! is the one tool that is not under `.local/`.

use std::{fs, path::PathBuf, process::Command};

use anyhow::{Context as _, Result, bail};

use super::{logs, node};
use crate::{background::Background, workspace::root};

/// What the installation may take, in seconds: 100 MB, over a slow line.
const TIMEOUT: &str = "900";

/// Lists of packages that are old or not there are no reason to fail: so first those. A list
/// that can't be had is none either, as long as the package can. Another apt at work is
/// waited for.
const INSTALL: &str = "apt-get update -q -o Acquire::Retries=3; \
    exec apt-get install -y -q --no-install-recommends \
    -o Acquire::Retries=3 -o DPkg::Lock::Timeout=120 chromium";

/// Chromium, or its installing; given up when dropped.
pub(crate) struct Chromium {
    installing: Option<Background>,
}

impl Chromium {
    /// Starts to install it where it is missing and that is possible.
    ///
    /// # Errors
    ///
    /// Says how to get it, where it is not: before anything else takes its minutes.
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
        let installing = Background::begin(&mut command, "Chromium (apt-get)", log)?;
        Ok(Self {
            installing: Some(installing),
        })
    }

    /// Waits until it is there; answers the program.
    pub(crate) fn finish(self) -> Result<PathBuf> {
        let installed = self.installing.map_or(Ok(()), Background::finish);
        // Somebody else's apt may have been quicker.
        if let Some(program) = find()? {
            return Ok(program);
        }
        installed.context("cannot install Chromium; install it, or name one in CHROMIUM")?;
        bail!("apt-get installed Chromium, but there is none on the PATH")
    }
}

/// Asks the script that the browser tests and the Lighthouse report also ask.
fn find() -> Result<Option<PathBuf>> {
    let output = Command::new("node")
        .arg(root().join("web/scripts/chromium.mjs"))
        .output()
        .context("cannot run node")?;
    let path = String::from_utf8(output.stdout).context("Chromium's path is not UTF-8")?;
    Ok(output.status.success().then(|| path.trim().into()))
}

/// Not Debian's kin: Ubuntu's package of that name only asks for a snap.
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
    fn the_system_is_told_from_its_kin() {
        assert_eq!(id("NAME=\"Debian\"\nID=debian\n"), Some("debian"));
        assert_eq!(id("ID_LIKE=debian\nID=\"ubuntu\""), Some("ubuntu"));
        assert_eq!(id(""), None);
    }
}

//! Tools from npm, and packages of the folders that have their own.

use std::{fs, path::PathBuf, process::Command};

use anyhow::{Context as _, Result, bail};

use super::{Stamp, directory, logs, once, pins};
use crate::{process, workspace::root};

/// Installs what a lock file names. No package here needs an install script, so none may run.
pub(super) const INSTALL: &str = "npm ci --ignore-scripts --no-audit --no-fund";

fn modules() -> PathBuf {
    directory().join("node")
}

/// Installs buf, Redocly's linter and AsyncAPI's schemas.
pub(super) fn install() -> Result<()> {
    let inputs = ["package.json", "package-lock.json"].map(|name| pins().join(name));
    once("node", &inputs, || {
        check()?;
        fs::create_dir_all(modules())?;
        for input in &inputs {
            if let Some(name) = input.file_name() {
                fs::copy(input, modules().join(name))?;
            }
        }
        process::run_logged(
            Command::new("npm")
                .args(["ci", "--no-audit", "--no-fund"])
                .current_dir(modules()),
            "buf, Redocly and AsyncAPI's schemas (npm)",
            &logs()?.join("npm.log"),
        )
    })
}

/// A file of an installed package.
pub(crate) fn module(path: &str) -> PathBuf {
    modules().join("node_modules").join(path)
}

/// `buf` or `redocly`.
pub(crate) fn program(name: &str) -> PathBuf {
    modules().join("node_modules/.bin").join(name)
}

/// Fails if Node.js or npm is missing or too old.
pub(super) fn check() -> Result<()> {
    let version = |program: &str| {
        Command::new(program)
            .arg("--version")
            .output()
            .ok()
            .filter(|output| output.status.success())
            .and_then(|output| String::from_utf8(output.stdout).ok())
    };
    let node = version("node").context("no Node.js: install version 20.19 or newer, with npm")?;
    if !is_supported(&node) {
        bail!(
            "Node.js {} is too old: install 20.19, 22.12 or newer",
            node.trim()
        );
    }
    version("npm").context("no npm: install it with Node.js")?;
    Ok(())
}

/// Vite's `engines`, the strictest of all tools here: `^20.19.0 || >=22.12.0`.
fn is_supported(version: &str) -> bool {
    let mut numbers = version
        .trim()
        .trim_start_matches('v')
        .split('.')
        .map_while(|number| number.parse::<u32>().ok());
    match (numbers.next(), numbers.next()) {
        (Some(20), Some(minor)) => minor >= 19,
        (Some(22), Some(minor)) => minor >= 12,
        (Some(major), _) => major > 22,
        _ => false,
    }
}

/// A folder with a `package.json` of its own.
pub(crate) struct Project {
    /// Path from the workspace's root.
    folder: &'static str,
    /// Name of its stamp and of its lock.
    pub(super) stamp: &'static str,
}

/// The web app.
pub(crate) const WEB: Project = Project {
    folder: "web",
    stamp: "web-packages",
};

/// Newman, which runs the Postman collection.
pub(crate) const POSTMAN: Project = Project {
    folder: "docs/postman",
    stamp: "postman",
};

/// kafkajs.
pub(crate) const KAFKAJS: Project = Project {
    folder: "tests/clients",
    stamp: "kafkajs",
};

impl Project {
    pub(super) fn folder(&self) -> PathBuf {
        root().join(self.folder)
    }

    /// The stamp of the installed packages, unless they are installed as the lock file has
    /// them.
    pub(super) fn outdated(&self) -> Result<Option<Stamp>> {
        let stamp = Stamp::of(self.stamp, &[self.folder().join("package-lock.json")])?;
        let current = stamp.is_set() && self.folder().join("node_modules").exists();
        Ok((!current).then_some(stamp))
    }

    /// Installs the packages unless they are current.
    pub(crate) fn install(&self) -> Result<()> {
        let _lock = super::lock(self.stamp)?;
        let Some(stamp) = self.outdated()? else {
            return Ok(());
        };
        check()?;
        process::run_logged(
            Command::new("sh")
                .args(["-c", INSTALL])
                .current_dir(self.folder()),
            &format!("Packages of {} (npm)", self.folder),
            &logs()?.join(format!("npm-{}.log", self.stamp)),
        )?;
        stamp.set()
    }

    /// A script of the `package.json`.
    pub(crate) fn script(&self, name: &str) -> Command {
        let mut command = Command::new("npm");
        command
            .args(["run", "--silent", name, "--"])
            // The output goes to a log.
            .env("NO_COLOR", "1")
            .env_remove("FORCE_COLOR")
            .current_dir(self.folder());
        command
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_compared() {
        for (version, supported) in [
            ("v20.20.2\n", true),
            ("v20.18.0", false),
            ("v21.7.3", false),
            ("v22.11.0", false),
            ("v22.12.0", true),
            ("v24.0.0", true),
            ("node", false),
        ] {
            assert_eq!(is_supported(version), supported, "{version}");
        }
    }
}

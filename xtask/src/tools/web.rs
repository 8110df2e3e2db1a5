//! The web app: its packages from npm, and its built files, which the gateway serves.

use std::{fs::File, path::PathBuf, process::Command};

use anyhow::{Context as _, Result};

use super::{Stamp, directory, logs, node};
use crate::{background::Background, workspace::root};

/// What the built files are made of, within `web/`.
const SOURCES: [&str; 9] = [
    "index.html",
    "package.json",
    "package-lock.json",
    "public",
    "scripts/precompress.mjs",
    "scripts/prerender.mjs",
    "src",
    "tsconfig.json",
    "vite.config.ts",
];

/// The web app, being built beside other things; given up when dropped.
pub(crate) struct WebApp {
    /// What is being done, and what says afterwards that it was; nothing if all was there.
    work: Option<(Background, Vec<Stamp>)>,
    /// Two programs at once wait for each other.
    _lock: File,
}

impl WebApp {
    /// Starts to install and to build what is not there, or not as it is now.
    pub(crate) fn begin() -> Result<Self> {
        Self::begin_with(true)
    }

    fn begin_with(build: bool) -> Result<Self> {
        std::fs::create_dir_all(directory())?;
        let lock = File::create(directory().join("web.lock"))?;
        lock.lock().context("cannot lock the web app's folder")?;
        let mut steps = Vec::new();
        let mut stamps = Vec::new();
        let packages = node::packages_stamp("web-packages", &folder())?;
        if !packages.is_set() || !folder().join("node_modules").exists() {
            steps.push(node::INSTALL);
            stamps.push(packages);
        }
        let built = Stamp::of("web-build", &SOURCES.map(|name| folder().join(name)))?;
        if build && (!built.is_set() || !folder().join("dist/index.html").exists()) {
            steps.push("npm run --silent build");
            stamps.push(built);
        }
        let work = if steps.is_empty() {
            None
        } else {
            node::check()?;
            let mut command = Command::new("sh");
            command
                .args(["-c", &steps.join(" && ")])
                .current_dir(folder());
            let log = logs()?.join("web-build.log");
            Some((Background::begin(&mut command, "Web app", log)?, stamps))
        };
        Ok(Self { work, _lock: lock })
    }

    /// Waits until it is built.
    pub(crate) fn finish(self) -> Result<()> {
        if let Some((work, stamps)) = self.work {
            work.finish()?;
            for stamp in stamps {
                stamp.set()?;
            }
        }
        Ok(())
    }
}

/// Installs its packages alone: enough for its lints.
pub(crate) fn install() -> Result<()> {
    WebApp::begin_with(false)?.finish()
}

/// One of the scripts in its `package.json`.
pub(crate) fn script(name: &str) -> Command {
    node::script(name, &folder())
}

fn folder() -> PathBuf {
    root().join("web")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_sources_are_there() {
        for name in SOURCES {
            assert!(folder().join(name).exists(), "{name}");
        }
    }
}

//! The web app's packages and its built files, which the gateway serves.

use std::{fs::File, process::Command};

use anyhow::Result;

use super::{
    Stamp, logs,
    node::{self, WEB},
};
use crate::job::Job;

/// The inputs of the build, within `web/`.
const SOURCES: [&str; 8] = [
    "index.html",
    "package.json",
    "package-lock.json",
    "public",
    "scripts/precompress.mjs",
    "src",
    "tsconfig.json",
    "vite.config.ts",
];

/// The web app, being built in the background; dropping this stops the build.
pub(crate) struct WebApp {
    /// The build and the stamps to set after it; `None` if all is current.
    build: Option<(Job, Vec<Stamp>)>,
    /// Processes that build it wait for each other.
    _lock: File,
}

impl WebApp {
    /// Starts to install and to build what isn't current.
    pub(crate) fn begin() -> Result<Self> {
        let lock = super::lock(WEB.stamp)?;
        let mut steps = Vec::new();
        let mut stamps = Vec::new();
        if let Some(packages) = WEB.outdated()? {
            steps.push(node::INSTALL);
            stamps.push(packages);
        }
        let built = Stamp::of("web-build", &SOURCES.map(|name| WEB.folder().join(name)))?;
        if !built.is_set() || !WEB.folder().join("dist/index.html").exists() {
            steps.push("npm run --silent build");
            stamps.push(built);
        }
        let build = if steps.is_empty() {
            None
        } else {
            node::check()?;
            let mut command = Command::new("sh");
            command
                .args(["-c", &steps.join(" && ")])
                .current_dir(WEB.folder());
            let log = logs()?.join("web-build.log");
            Some((Job::begin(&mut command, "Web app", &log, None)?, stamps))
        };
        Ok(Self { build, _lock: lock })
    }

    /// Waits for the build.
    pub(crate) fn finish(self) -> Result<()> {
        if let Some((job, stamps)) = self.build {
            job.finish()?;
            for stamp in stamps {
                stamp.set()?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_sources_exist() {
        for name in SOURCES {
            assert!(WEB.folder().join(name).exists(), "{name}");
        }
    }
}

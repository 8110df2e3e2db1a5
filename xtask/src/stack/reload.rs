//! Building while a stack runs: notices that a source file has been saved, and builds.
//!
//! Files are polled twice a second. The system's notifications need a crate for each system and
//! don't work across containers and network file systems. Polling the workspace takes a
//! millisecond.

use std::{
    fs,
    hash::{DefaultHasher, Hash as _, Hasher as _},
    path::{Path, PathBuf},
    process::{Child, Command},
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result};
use rustix::process::Signal;
use serde_json::Value;

use crate::{
    builds, process,
    progress::{Step, say},
    tools,
    workspace::{cargo, root},
};

/// The polling interval. A change counts once two polls agree, because editors and git write
/// several files one after the other.
const EVERY: Duration = Duration::from_millis(500);

/// Time allowed for a cancelled build to stop.
const STOP_TIMEOUT: Duration = Duration::from_secs(5);

/// The number of lines shown of a failed build.
const SHOWN: usize = 80;

/// Builds whenever a source file has changed.
pub(crate) struct Reload {
    folders: Vec<PathBuf>,
    looked: Instant,
    /// The files as of the last poll.
    seen: u64,
    /// The files as of the start of the last build.
    built: u64,
    build: Option<Build>,
}

struct Build {
    compiler: Compiler,
    step: Step,
    log: PathBuf,
}

/// A running build, cancelled on drop.
struct Compiler(Child);

impl Reload {
    /// Starts watching, right after a build.
    pub(crate) fn begin() -> Result<Self> {
        let folders = members()?;
        let seen = fingerprint(&folders);
        Ok(Self {
            folders,
            looked: Instant::now(),
            seen,
            built: seen,
            build: None,
        })
    }

    /// Polls the files and the build. Returns whether a build has just succeeded.
    pub(crate) fn poll(&mut self) -> bool {
        if let Some(build) = &mut self.build {
            let Ok(status) = build.compiler.0.try_wait() else {
                return false;
            };
            let Some(status) = status else {
                build.step.tick(&process::last_line(&build.log));
                return false;
            };
            if let Some(build) = self.build.take() {
                return build.end(status.success());
            }
        }
        if self.looked.elapsed() < EVERY {
            return false;
        }
        let seen = fingerprint(&self.folders);
        self.looked = Instant::now();
        let settled = seen == self.seen;
        self.seen = seen;
        if settled && seen != self.built {
            self.built = seen;
            match Build::begin() {
                Ok(build) => self.build = Some(build),
                Err(error) => say(format!("! {error:#}")),
            }
        }
        false
    }
}

impl Build {
    fn begin() -> Result<Self> {
        let log = tools::logs()?.join("build.log");
        let file =
            fs::File::create(&log).with_context(|| format!("cannot write {}", log.display()))?;
        let mut command = builds::workspace();
        command.stdout(file.try_clone()?).stderr(file);
        Ok(Self {
            compiler: Compiler(process::spawn(&mut command)?),
            step: Step::begin("building what has changed"),
            log,
        })
    }

    fn end(self, succeeded: bool) -> bool {
        self.step.end(succeeded);
        if !succeeded {
            say(process::tail(&self.log, SHOWN));
            say("(the running programs are still those of the last build that succeeded)");
        }
        succeeded
    }
}

impl Drop for Compiler {
    fn drop(&mut self) {
        if matches!(self.0.try_wait(), Ok(None)) {
            process::stop(&mut self.0, Signal::TERM, STOP_TIMEOUT);
        }
    }
}

/// The folders of the workspace's packages, and its manifests.
fn members() -> Result<Vec<PathBuf>> {
    let mut metadata = cargo();
    metadata
        .args(["metadata", "--no-deps", "--offline", "--format-version=1"])
        .current_dir(root());
    let output = output(&mut metadata)?;
    let metadata: Value = serde_json::from_slice(&output).context("cargo metadata")?;
    let mut paths: Vec<_> = metadata["packages"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|package| {
            Some(
                Path::new(package["manifest_path"].as_str()?)
                    .parent()?
                    .to_owned(),
            )
        })
        .collect();
    paths.extend(["Cargo.toml", "Cargo.lock"].map(|file| root().join(file)));
    Ok(paths)
}

fn output(command: &mut Command) -> Result<Vec<u8>> {
    let output = command.output().context("cannot start cargo")?;
    anyhow::ensure!(
        output.status.success(),
        "cargo metadata: {}",
        String::from_utf8_lossy(&output.stderr).trim()
    );
    Ok(output.stdout)
}

/// A fingerprint that changes when a file below these paths is written, added or removed.
fn fingerprint(paths: &[PathBuf]) -> u64 {
    paths
        .iter()
        .fold(0, |sum: u64, path| sum.wrapping_add(file_fingerprint(path)))
}

fn file_fingerprint(path: &Path) -> u64 {
    // Editors' swap files, `.git`, and generated folders.
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    if name.starts_with('.') || name.ends_with('~') || matches!(&*name, "target" | "node_modules") {
        return 0;
    }
    let Ok(metadata) = fs::metadata(path) else {
        return 0;
    };
    if metadata.is_dir() {
        return fs::read_dir(path)
            .into_iter()
            .flatten()
            .flatten()
            .fold(0, |sum: u64, entry| {
                sum.wrapping_add(file_fingerprint(&entry.path()))
            });
    }
    let mut hasher = DefaultHasher::new();
    (path, metadata.modified().ok(), metadata.len()).hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_saved_file_is_noticed_and_a_swap_file_is_not() {
        let folder = std::env::temp_dir().join(format!("xtask-reload-{}", std::process::id()));
        fs::create_dir_all(folder.join("src/bin")).unwrap();
        let watched = [folder.clone()];
        let look = || fingerprint(&watched);
        let empty = look();
        let file = folder.join("src/bin/a.rs");
        fs::write(&file, "one").unwrap();
        let written = look();
        assert_ne!(empty, written);
        assert_eq!(written, look());
        fs::write(folder.join("src/bin/.a.rs.swp"), "x").unwrap();
        assert_eq!(written, look());
        fs::write(&file, "other").unwrap();
        assert_ne!(written, look());
        fs::remove_file(file).unwrap();
        assert_eq!(empty, look());
        fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn the_packages_are_watched_and_the_web_app_is_not() {
        let members = members().unwrap();
        for folder in ["functions/pictures", "gateway", "proto", "Cargo.toml"] {
            assert!(members.contains(&root().join(folder)), "{folder}");
        }
        assert!(!members.contains(&root().join("web")));
        assert_ne!(fingerprint(&members), 0);
    }
}

//! Go programs, and files of Go modules, built once for each version and kept outside the clone.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, Result, ensure};

use super::{Need, cache, checks};
use crate::{process, tools::fingerprint, workspace::root};

/// The oldest Go that builds all of them: 1.26.
const OLDEST_GO: u32 = 26;

/// A program that is built from Go modules, or a folder of files that is.
pub(crate) struct GoProgram {
    pub(crate) name: &'static str,
    pub(crate) version: &'static str,
    /// Disk space that the build needs, caches of modules and of packages included.
    pub(crate) gigabytes: u64,
    /// Files, from the workspace's root, that are copied to where it is built.
    pub(crate) sources: &'static [&'static str],
    /// Builds it; answers where it is.
    pub(crate) build: fn(&Workshop) -> Result<PathBuf>,
}

/// Where a program is built.
pub(crate) struct Workshop {
    /// The program's name.
    pub(crate) name: &'static str,
    /// Holds the program's sources, and is removed after the build.
    pub(crate) folder: PathBuf,
    step: String,
}

impl Workshop {
    /// Runs `go` with these arguments.
    pub(crate) fn go<T: AsRef<std::ffi::OsStr>>(
        &self,
        arguments: impl IntoIterator<Item = T>,
    ) -> Result<()> {
        let mut command = go();
        command.args(arguments).current_dir(&self.folder);
        process::run_logged(&mut command, &self.step, &checks::log(&self.step)?)
    }

    /// Builds a program of a module at this version; returns where it is. In a module of its own,
    /// since `go install` refuses one that replaces others.
    pub(crate) fn install(&self, package: &str, version: &str) -> Result<PathBuf> {
        self.go(["mod", "init", "trichrome-verify"])?;
        self.go(["get", "-tool", &format!("{package}@v{version}")])?;
        self.go(["build", "-o", "program", package])?;
        Ok(self.folder.join("program"))
    }

    /// Downloads a module at this version; returns where its files are.
    pub(crate) fn module(&self, module: &str, version: &str) -> Result<PathBuf> {
        let module = format!("{module}@v{version}");
        let answer = self.ask_go(&["mod", "download", "-json", &module])?;
        let answer: serde_json::Value = serde_json::from_str(&answer)?;
        let folder = answer["Dir"].as_str().context("no Dir")?;
        Ok(PathBuf::from(folder))
    }

    /// Runs `go` with these arguments; returns its output.
    pub(crate) fn ask_go(&self, arguments: &[&str]) -> Result<String> {
        let mut command = go();
        let output = command
            .args(arguments)
            .current_dir(&self.folder)
            .output()
            .context("cannot start go")?;
        ensure!(
            output.status.success(),
            "go {}: {}",
            arguments.join(" "),
            String::from_utf8_lossy(&output.stderr)
        );
        Ok(String::from_utf8(output.stdout)?.trim().to_owned())
    }
}

impl GoProgram {
    /// The program; built if this version was not yet.
    pub(crate) fn get(&self) -> Result<PathBuf> {
        let place = self.place()?;
        cache::once(&place, &place.join(self.name), |program| {
            self.build_in(&place, program)
        })
    }

    fn build_in(&self, place: &Path, program: &Path) -> Result<()> {
        let folder = place.join("build");
        if folder.exists() {
            fs::remove_dir_all(&folder)?;
        }
        fs::create_dir_all(&folder)?;
        for source in self.sources {
            let source = root().join(source);
            let name = source.file_name().context("no file name")?;
            fs::copy(&source, folder.join(name))
                .with_context(|| format!("cannot copy {}", source.display()))?;
        }
        let workshop = Workshop {
            name: self.name,
            folder: folder.clone(),
            step: format!("building {} {}", self.name, self.version),
        };
        let built = (self.build)(&workshop)?;
        fs::rename(&built, program)
            .with_context(|| format!("the build left no {}", built.display()))?;
        Ok(fs::remove_dir_all(folder)?)
    }

    /// Its folder in the cache: another version, or other sources, have another one.
    fn place(&self) -> Result<PathBuf> {
        let sources: Vec<_> = self.sources.iter().map(|file| root().join(file)).collect();
        let key = fingerprint(&sources)?;
        Ok(cache::folder()?.join(format!("{}-{}-{key}", self.name, self.version)))
    }

    fn is_built(&self) -> Result<bool> {
        Ok(self.place()?.join(self.name).exists())
    }
}

impl Need for GoProgram {
    /// Nothing where it is built already.
    fn lacks(&self) -> Result<Option<String>> {
        if self.is_built()? {
            return Ok(None);
        }
        let output = go().args(["env", "GOVERSION"]).output();
        let version = output.map(|it| String::from_utf8_lossy(&it.stdout).trim().to_owned());
        if let Some(lacking) = lacks_go(version.ok().as_deref()) {
            return Ok(Some(lacking));
        }
        cache::lacks_disk(self.gigabytes)
    }
}

/// `version` is that of the machine's Go, if it has one.
fn lacks_go(version: Option<&str>) -> Option<String> {
    let Some(version) = version else {
        return Some(format!("there is no Go: install Go 1.{OLDEST_GO} or newer"));
    };
    minor(version)
        .filter(|minor| *minor < OLDEST_GO)
        .map(|_| format!("{version} is too old: install Go 1.{OLDEST_GO} or newer"))
}

fn go() -> Command {
    let mut command = Command::new("go");
    // A workspace of the user's own would be asked for the modules.
    command.env("GOWORK", "off");
    command
}

/// `go1.26.8` is 26; `None` for a development version, which is newer than all.
fn minor(version: &str) -> Option<u32> {
    let rest = version.strip_prefix("go1.")?;
    let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
    digits.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_version_or_other_sources_are_another_build() {
        let place = |version, sources: &'static [&'static str]| {
            let program = GoProgram {
                name: "no-such-program",
                version,
                gigabytes: 0,
                sources,
                build: |_| Ok(PathBuf::new()),
            };
            program.place().unwrap()
        };
        let first = place("v1", &["Cargo.toml"]);
        assert_eq!(first, place("v1", &["Cargo.toml"]));
        assert_ne!(first, place("v2", &["Cargo.toml"]));
        assert_ne!(first, place("v1", &["clippy.toml"]));
        assert!(!first.starts_with(root()));
    }

    #[test]
    fn a_go_that_is_missing_or_too_old_is_noticed() {
        assert!(lacks_go(None).unwrap().contains("no Go"));
        assert!(lacks_go(Some("go1.9")).unwrap().contains("go1.9"));
        assert!(lacks_go(Some("go1.25.9")).is_some());
        assert_eq!(lacks_go(Some("go1.26.0")), None);
        assert_eq!(lacks_go(Some("go1.27rc1")), None);
        // A development version.
        assert_eq!(lacks_go(Some("devel +abc")), None);
    }
}

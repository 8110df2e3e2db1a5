//! Rust programs, built once for each version and kept outside the clone.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Result, ensure};

use super::{Need, cache, checks};
use crate::{process, workspace::cargo};

/// A program that `cargo install` builds.
pub(super) struct CargoProgram {
    /// The package on crates.io.
    pub(super) package: &'static str,
    pub(super) program: &'static str,
    pub(super) version: &'static str,
    /// Disk space that the build needs.
    pub(super) gigabytes: u64,
}

impl CargoProgram {
    /// The program; built if this version was not yet.
    pub(super) fn get(&self) -> Result<PathBuf> {
        let place = self.place()?;
        cache::once(&place, &self.path()?, |program| {
            self.build_in(&place, program)
        })
    }

    fn build_in(&self, place: &Path, program: &Path) -> Result<()> {
        let build = place.join("build");
        let step = format!("building {} {}", self.package, self.version);
        let mut install = cargo();
        install
            .args([
                "install",
                self.package,
                "--version",
                self.version,
                "--locked",
            ])
            .arg("--root")
            .arg(place)
            .env("CARGO_TARGET_DIR", &build);
        process::run_logged(&mut install, &step, &checks::log(&step)?)?;
        ensure!(program.is_file(), "the build left no {}", program.display());
        Ok(fs::remove_dir_all(build)?)
    }

    /// Its folder in the cache.
    fn place(&self) -> Result<PathBuf> {
        Ok(cache::folder()?.join(format!("{}-{}", self.package, self.version)))
    }

    fn path(&self) -> Result<PathBuf> {
        Ok(self.place()?.join("bin").join(self.program))
    }
}

impl Need for CargoProgram {
    /// Nothing where it is built already.
    fn lacks(&self) -> Result<Option<String>> {
        if self.path()?.is_file() {
            return Ok(None);
        }
        cache::lacks_disk(self.gigabytes)
    }
}

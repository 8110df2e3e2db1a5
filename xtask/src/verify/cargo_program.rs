//! Rust programs, built once for each version and kept outside the clone.

use std::{
    fs::{self, File},
    path::PathBuf,
};

use anyhow::{Context as _, Result, ensure};

use super::{
    Need, checks,
    go_program::{cache, free_gigabytes, lacks_disk},
};
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
        fs::create_dir_all(&place)?;
        // Two clones may want it at the same time.
        let lock = File::create(place.join("lock"))?;
        lock.lock().context("cannot lock the cache")?;
        let program = self.path()?;
        if program.is_file() {
            return Ok(program);
        }
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
            .arg(&place)
            .env("CARGO_TARGET_DIR", &build);
        process::run_logged(&mut install, &step, &checks::log(&step)?)?;
        ensure!(program.is_file(), "the build left no {}", program.display());
        fs::remove_dir_all(build)?;
        Ok(program)
    }

    /// Its folder in the cache.
    fn place(&self) -> Result<PathBuf> {
        Ok(cache()?.join(format!("{}-{}", self.package, self.version)))
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
        let cache = cache()?;
        fs::create_dir_all(&cache)?;
        Ok(lacks_disk(&cache, self.gigabytes, free_gigabytes(&cache)?))
    }
}

//! The tools of the local stack, pinned, installed under `.local/tools` and nowhere else.

mod broker;
mod chromium;
pub(crate) mod containers;
pub(crate) mod deny;
pub(crate) mod localstack;
mod node;
pub(crate) mod postman;
pub(crate) mod prometheus;
mod python;
pub(crate) mod template;
pub(crate) mod web;

use std::{
    fs::{self, File},
    hash::{DefaultHasher, Hash as _, Hasher as _},
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result};

pub(crate) use broker::Broker;
pub(crate) use chromium::Chromium;
pub(crate) use node::program as node_program;
pub(crate) use python::{cargo_lambda, ministack, postgres_bin, python};
pub(crate) use web::WebApp;

/// Where tools are installed.
fn directory() -> PathBuf {
    crate::workspace::local().join("tools")
}

/// Where the tools' pinned versions are.
fn pins() -> PathBuf {
    crate::workspace::root().join("localstack").join("tools")
}

/// Logs of installing and building.
pub(crate) fn logs() -> Result<PathBuf> {
    let logs = crate::workspace::local().join("logs");
    fs::create_dir_all(&logs).with_context(|| format!("cannot make {}", logs.display()))?;
    Ok(logs)
}

/// Installs what is missing; two programs at once wait for each other.
pub(crate) fn install() -> Result<()> {
    let _lock = lock()?;
    python::install()?;
    node::install()
}

/// Held while something is installed; it ends with the file.
fn lock() -> Result<File> {
    fs::create_dir_all(directory())?;
    let lock = File::create(directory().join("lock"))?;
    lock.lock().context("cannot lock the tools")?;
    Ok(lock)
}

/// Does `install` unless it was done for these very `inputs`.
fn once(name: &str, inputs: &[PathBuf], install: impl FnOnce() -> Result<()>) -> Result<()> {
    let stamp = Stamp::of(name, inputs)?;
    if stamp.is_set() {
        return Ok(());
    }
    fs::create_dir_all(directory())?;
    install()?;
    stamp.set()
}

/// Says whether something was done for certain inputs, as they are now.
struct Stamp {
    path: PathBuf,
    wanted: String,
}

impl Stamp {
    fn of(name: &str, inputs: &[PathBuf]) -> Result<Self> {
        Ok(Self {
            path: directory().join(format!("{name}.stamp")),
            wanted: fingerprint(inputs)?,
        })
    }

    fn is_set(&self) -> bool {
        fs::read_to_string(&self.path).is_ok_and(|done| done == self.wanted)
    }

    /// Notes that it was done.
    fn set(&self) -> Result<()> {
        fs::write(&self.path, &self.wanted)?;
        Ok(())
    }
}

/// What tells one state of some files, or folders of files, from another.
fn fingerprint(inputs: &[PathBuf]) -> Result<String> {
    let mut hasher = DefaultHasher::new();
    for input in inputs {
        hash(input, &mut hasher)?;
    }
    Ok(format!("{:016x}", hasher.finish()))
}

fn hash(path: &Path, hasher: &mut DefaultHasher) -> Result<()> {
    if path.is_dir() {
        let mut entries = fs::read_dir(path)?
            .map(|entry| Ok(entry?.path()))
            .collect::<Result<Vec<_>>>()?;
        entries.sort();
        for entry in entries {
            hash(&entry, hasher)?;
        }
    } else {
        path.file_name().hash(hasher);
        fs::read(path)
            .with_context(|| format!("cannot read {}", path.display()))?
            .hash(hasher);
    }
    Ok(())
}

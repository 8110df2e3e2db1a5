//! Pinned tools, installed under `.local/tools`.

mod cache_server;
mod chromium;
mod debian;
pub(crate) mod deny;
pub(crate) mod etcd;
mod kafka;
pub(crate) mod kcat;
pub(crate) mod node;
pub(crate) mod prometheus;
mod python;
mod web;

use std::{
    fs::{self, File},
    hash::{DefaultHasher, Hash as _, Hasher as _},
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result};

pub(crate) use cache_server::CacheServer;
pub(crate) use chromium::Chromium;
pub(crate) use kafka::ApacheKafka;
pub(crate) use node::{module as node_module, program as node_program};
pub(crate) use python::{
    CHECKOV, CONTAINERS, KAFKA_CLIENTS, LOCALSTACK, REQUESTS, SAM, cargo_lambda, install_deploy,
    ministack, postgres_bin, python,
};
pub(crate) use web::WebApp;

/// Where tools are installed.
fn directory() -> PathBuf {
    crate::workspace::local().join("tools")
}

/// The folder with the tools' pinned versions.
pub(crate) fn pins() -> PathBuf {
    crate::workspace::root().join("localstack/tools")
}

/// The folder for logs of installations and builds.
pub(crate) fn logs() -> Result<PathBuf> {
    let logs = crate::workspace::local().join("logs");
    fs::create_dir_all(&logs).with_context(|| format!("cannot create {}", logs.display()))?;
    Ok(logs)
}

/// Installs the tools of the local stack that are missing.
pub(crate) fn install() -> Result<()> {
    python::install()?;
    node::install()
}

/// Serialises installations by different processes; released when the file is dropped.
fn lock(name: &str) -> Result<File> {
    fs::create_dir_all(directory())?;
    let lock = File::create(directory().join(name).with_extension("lock"))?;
    lock.lock()
        .with_context(|| format!("cannot lock {name} in {}", directory().display()))?;
    Ok(lock)
}

/// Runs `install` unless it has run for these `inputs`.
fn once(name: &str, inputs: &[PathBuf], install: impl FnOnce() -> Result<()>) -> Result<()> {
    let _lock = lock("tools")?;
    let stamp = Stamp::of(name, inputs)?;
    if stamp.is_set() {
        return Ok(());
    }
    install()?;
    stamp.set()
}

/// Records that something was done for certain inputs.
struct Stamp {
    path: PathBuf,
    fingerprint: String,
}

impl Stamp {
    fn of(name: &str, inputs: &[PathBuf]) -> Result<Self> {
        Ok(Self {
            path: directory().join(format!("{name}.stamp")),
            fingerprint: fingerprint(inputs)?,
        })
    }

    fn is_set(&self) -> bool {
        fs::read_to_string(&self.path).is_ok_and(|done| done == self.fingerprint)
    }

    fn set(&self) -> Result<()> {
        fs::write(&self.path, &self.fingerprint)?;
        Ok(())
    }
}

/// A hash of the names and contents of files and of folders of files.
pub(crate) fn fingerprint(inputs: &[PathBuf]) -> Result<String> {
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

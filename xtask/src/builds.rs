//! Building the workspace.

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;

use crate::{
    job::Job,
    process,
    tools::{self, ApacheKafka},
    workspace::{cargo, root},
};

/// Adds the options for every package with all its tests, including those that need a running
/// stack.
pub(crate) fn everything(command: &mut Command) -> &mut Command {
    command.args(["--workspace", "--all-targets"]);
    with_features(command)
}

/// Adds the features of the tests. Cargo rebuilds dependencies for each set of features, so every
/// build for tests uses this one.
fn with_features(command: &mut Command) -> &mut Command {
    command.args(["--features", "trichrome-tests/stack", "--locked"]);
    // Only the tests on Apache Kafka need TLS. OpenSSL takes minutes to build where the system has
    // no headers of it.
    if apache_kafka().is_ok() {
        for package in ["trichrome-gateway", "trichrome-prepare"] {
            command.args(["--features", &format!("{package}/kafka-tls")]);
        }
        if has_openssl() {
            command.env("OPENSSL_NO_VENDOR", "1");
        }
    }
    command
}

/// The Apache Kafka that tests run on.
///
/// # Errors
///
/// It can't run here, or the gateway can't be built with TLS; the error says what is missing.
pub(crate) fn apache_kafka() -> Result<ApacheKafka> {
    let found = ApacheKafka::find()?;
    ensure!(
        has_openssl() || process::succeeds(Command::new("perl").arg("-v")),
        "no Perl, which the build of OpenSSL needs (on Debian: apt-get install perl, or libssl-dev \
         and pkg-config for the system's OpenSSL)"
    );
    Ok(found)
}

/// Whether the system has OpenSSL's headers.
fn has_openssl() -> bool {
    process::succeeds(Command::new("pkg-config").args(["--exists", "openssl"]))
}

/// Builds what the stack runs.
pub(crate) fn programs() -> Result<()> {
    let mut command = workspace();
    command.arg("--locked");
    let log = tools::logs()?.join("build.log");
    run(&mut command, "Functions, gateway and tools", &log)
}

/// Cargo, building every program of the workspace.
pub(crate) fn workspace() -> Command {
    let mut command = cargo();
    command.args(["build", "--workspace"]).current_dir(root());
    command
}

/// Builds what the stack runs and all tests, and returns the tests.
pub(crate) fn with_tests() -> Result<Vec<TestBinary>> {
    tests(everything(cargo().arg("build")))
}

/// Builds what the stack runs and the tests of some targets.
pub(crate) fn with_test(targets: &[&str]) -> Result<Vec<TestBinary>> {
    let mut command = cargo();
    command.args(["build", "--workspace", "--bins"]);
    for target in targets {
        command.args(["--test", target]);
    }
    tests(with_features(&mut command))
}

fn tests(build: &mut Command) -> Result<Vec<TestBinary>> {
    let step = "Functions, gateway, tools and tests";
    run_for_tests(
        build.current_dir(root()),
        step,
        &tools::logs()?.join("build.log"),
    )
}

/// Runs cargo as [`run`] does, and returns the tests that it has built.
pub(crate) fn run_for_tests(
    build: &mut Command,
    step: &str,
    log: &Path,
) -> Result<Vec<TestBinary>> {
    let messages = log.with_extension("json");
    build.arg("--message-format=json-render-diagnostics");
    Job::begin(build, step, log, Some(File::create(&messages)?))?.finish_with(|| compiled(log))?;
    let text = fs::read_to_string(&messages)?;
    Ok(text.lines().filter_map(TestBinary::parse).collect())
}

/// Runs cargo, showing how many crates it has compiled.
pub(crate) fn run(command: &mut Command, step: &str, log: &Path) -> Result<()> {
    Job::begin(command, step, log, None)?.finish_with(|| compiled(log))
}

/// The number of crates in a build's log, as `12 crates`.
fn compiled(log: &Path) -> String {
    let log = fs::read_to_string(log).unwrap_or_default();
    let compiled = log
        .lines()
        .filter(|line| line.trim_start().starts_with("Compiling "))
        .count();
    format!("{compiled} crates")
}

/// A test executable.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct TestBinary {
    /// The package's folder, which is its tests' working directory.
    pub(crate) folder: PathBuf,
    /// Name of the library, binary or integration test.
    pub(crate) target: String,
    pub(crate) program: PathBuf,
}

impl TestBinary {
    /// Parses one of cargo's messages; `None` if it isn't about a test executable.
    fn parse(line: &str) -> Option<Self> {
        let message: Value = serde_json::from_str(line).ok()?;
        if message["reason"] != "compiler-artifact" || message["profile"]["test"] != true {
            return None;
        }
        let manifest = Path::new(message["manifest_path"].as_str()?);
        Some(Self {
            folder: manifest.parent()?.to_owned(),
            target: message["target"]["name"].as_str()?.to_owned(),
            program: message["executable"].as_str()?.into(),
        })
    }

    /// The package's folder and the target, for display.
    pub(crate) fn name(&self) -> String {
        let folder = self.folder.strip_prefix(root()).unwrap_or(&self.folder);
        format!("{} {}", folder.display(), self.target)
    }

    /// The command that runs it.
    pub(crate) fn command(&self) -> Command {
        let mut command = Command::new(&self.program);
        command
            .current_dir(&self.folder)
            .env("CARGO_MANIFEST_DIR", &self.folder);
        command
    }
}

/// Finds a test executable by its package's folder and its target.
pub(crate) fn find<'a>(
    tests: &'a [TestBinary],
    folder: &str,
    target: &str,
) -> Result<&'a TestBinary> {
    tests
        .iter()
        .find(|test| test.folder == root().join(folder) && test.target == target)
        .with_context(|| format!("no tests named {target} in {folder}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn compiled_crates_are_counted() {
        let log = std::env::temp_dir().join(format!("xtask-count-{}", std::process::id()));
        let text = "   Compiling a v1.0.0\n    Finished x\n   Compiling b v2.0.0 (/c)\n";
        fs::write(&log, text).unwrap();
        assert_eq!(compiled(&log), "2 crates");
        fs::remove_file(log).unwrap();
    }

    #[test]
    fn tests_are_read_from_cargos_messages() {
        let message = |test: bool, executable: &str| {
            format!(
                r#"{{"reason":"compiler-artifact","manifest_path":"/w/gateway/Cargo.toml",
                "target":{{"name":"facade"}},"profile":{{"test":{test}}},"executable":{executable}}}"#
            )
        };
        let test = TestBinary::parse(&message(true, r#""/w/target/facade-1""#)).unwrap();
        assert_eq!(test.folder, Path::new("/w/gateway"));
        assert_eq!(test.target, "facade");
        assert_eq!(test.program, Path::new("/w/target/facade-1"));
        assert_eq!(TestBinary::parse(&message(false, r#""/w/x""#)), None);
        assert_eq!(TestBinary::parse(&message(true, "null")), None);
        assert_eq!(TestBinary::parse("   Compiling a"), None);
    }
}

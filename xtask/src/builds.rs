//! Building the workspace.

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, Result};
use serde_json::Value;

use crate::{
    process, tools,
    workspace::{cargo, root},
};

/// All packages with all their tests. Cargo builds a dependency anew for each set of features
/// it is asked for: whatever has to do with tests asks for this one set, so that it is built
/// once. (`trichrome-tests/stack`: the tests that need a running stack.)
pub(crate) const EVERYTHING: [&str; 5] = [
    "--workspace",
    "--all-targets",
    "--features",
    "trichrome-tests/stack",
    "--locked",
];

/// Builds what the stack runs.
pub(crate) fn programs() -> Result<()> {
    let log = tools::logs()?.join("build.log");
    let mut command = command();
    command.args(["--workspace", "--locked"]);
    process::run_told(
        &mut command,
        "Functions, gateway and tools",
        &log,
        remark(&log),
    )
}

/// Builds what the stack runs, and all tests; answers those.
pub(crate) fn with_tests() -> Result<Vec<TestBinary>> {
    let logs = tools::logs()?;
    let (log, messages) = (logs.join("build.log"), logs.join("build.json"));
    let mut command = command();
    command
        .args(EVERYTHING)
        .arg("--message-format=json-render-diagnostics");
    process::run_split(
        &mut command,
        "Functions, gateway, tools and tests",
        &log,
        File::create(&messages)?,
        remark(&log),
    )?;
    let text = fs::read_to_string(&messages)?;
    let tests: Vec<_> = text.lines().filter_map(TestBinary::parse).collect();
    Ok(tests)
}

fn command() -> Command {
    let mut command = cargo();
    command.arg("build").current_dir(root());
    command
}

/// How far a build is.
fn remark(log: &Path) -> impl Fn() -> String {
    let counter = Counter::new(log);
    move || counter.remark()
}

/// Counts the crates that a build's log says were compiled.
pub(crate) struct Counter {
    log: PathBuf,
}

impl Counter {
    pub(crate) fn new(log: &Path) -> Self {
        Self {
            log: log.to_owned(),
        }
    }

    /// `12 crates`.
    pub(crate) fn remark(&self) -> String {
        let log = fs::read_to_string(&self.log).unwrap_or_default();
        let compiled = log
            .lines()
            .filter(|line| line.trim_start().starts_with("Compiling "))
            .count();
        format!("{compiled} crates")
    }
}

/// A program made of tests.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct TestBinary {
    /// The package's folder, in which its tests expect to run.
    pub(crate) folder: PathBuf,
    /// The library's, program's or integration test's name.
    pub(crate) target: String,
    pub(crate) program: PathBuf,
}

impl TestBinary {
    /// Reads one of cargo's messages; `None` where it tells of something else.
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

    /// The package's folder and the target, as people call it.
    pub(crate) fn name(&self) -> String {
        let folder = self.folder.strip_prefix(root()).unwrap_or(&self.folder);
        format!("{} {}", folder.display(), self.target)
    }

    /// Runs it.
    pub(crate) fn command(&self) -> Command {
        let mut command = Command::new(&self.program);
        command
            .current_dir(&self.folder)
            .env("CARGO_MANIFEST_DIR", &self.folder);
        command
    }
}

/// A test program by its package's folder and its target.
pub(crate) fn find<'a>(
    tests: &'a [TestBinary],
    folder: &str,
    target: &str,
) -> Result<&'a TestBinary> {
    tests
        .iter()
        .find(|test| test.folder == root().join(folder) && test.target == target)
        .with_context(|| format!("no tests called {target} in {folder}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn compiled_crates_are_counted() {
        let log = std::env::temp_dir().join(format!("xtask-count-{}", std::process::id()));
        let text = "   Compiling a v1.0.0\n    Finished x\n   Compiling b v2.0.0 (/c)\n";
        fs::write(&log, text).unwrap();
        assert_eq!(Counter::new(&log).remark(), "2 crates");
        fs::remove_file(log).unwrap();
    }

    #[test]
    fn cargos_messages_name_the_tests() {
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

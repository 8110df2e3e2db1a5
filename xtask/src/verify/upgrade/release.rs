//! Version 0.1, taken from the repository's history and built with its own lock file.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::{Child, Command},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, bail, ensure};
use rustix::process::Signal;
use serde_json::{Value, json};

use super::super::{Need, cache, checks};
use crate::{
    builds::{self, TestBinary},
    interrupt, process,
    progress::Step,
    stack::{Ports, Stack, control},
    workspace::{cargo, local, root},
};

/// The last commit of version 0.1.
const COMMIT: &str = "605d78a66b2a2b9484942b21af65d95d7396839f";

/// The stack of its `cargo xtask up`. The new version runs it in the same place, as in a clone that is
/// updated.
pub(super) const STACK: &str = "upgrade/0.1/.local/up";

/// The target with its end-to-end tests.
const SCENARIOS: &str = "scenarios";

/// Disk space for its build and its tools.
const GIGABYTES: u64 = 8;

/// Time allowed for `cargo xtask up`, which installs its tools at first.
const START_TIMEOUT: Duration = Duration::from_secs(15 * 60);

/// Time allowed for stopping it, more than its parts may take.
const STOP_TIMEOUT: Duration = Duration::from_secs(90);

const POLL: Duration = Duration::from_millis(200);

/// The folder with its code.
fn folder() -> PathBuf {
    local().join("upgrade").join("0.1")
}

fn target() -> PathBuf {
    folder().join("target")
}

/// The history has the commit, and there is room to build it.
pub(super) struct History;

impl Need for History {
    fn lacks(&self) -> Result<Option<String>> {
        if target().is_dir() {
            return Ok(None);
        }
        let object = format!("{COMMIT}^{{commit}}");
        let mut git = Command::new("git");
        git.args(["cat-file", "-e", &object]).current_dir(root());
        if !folder().is_dir() && !process::succeeds(&mut git) {
            return Ok(Some(format!(
                "the history has no commit {} (version 0.1); a shallow clone gets it by `git fetch \
                 --unshallow`",
                &COMMIT[..12]
            )));
        }
        cache::lacks_disk_in(&local(), GIGABYTES)
    }
}

/// The built version.
pub(super) struct Release {
    /// Its end-to-end tests.
    pub(super) scenarios: TestBinary,
}

impl Release {
    /// Checks it out and builds it, unless that is done.
    pub(super) fn get() -> Result<Self> {
        check_out()?;
        correct_tests()?;
        let mut build = cargo();
        build
            .args(["build", "--workspace", "--bins", "--test", SCENARIOS])
            .args(["--features", "trichrome-tests/stack", "--locked"])
            .env("CARGO_TARGET_DIR", target())
            .env("CARGO_INCREMENTAL", "0")
            .current_dir(folder());
        let log = checks::log("version 0.1 build")?;
        let tests = builds::run_for_tests(&mut build, "version 0.1", &log)?;
        let mut scenarios = tests.into_iter().filter(|test| test.target == SCENARIOS);
        Ok(Self {
            scenarios: scenarios.next().context("version 0.1 has no scenarios")?,
        })
    }

    /// Its functions' programs by name.
    pub(super) fn functions(&self) -> Result<BTreeMap<String, PathBuf>> {
        let mut programs = BTreeMap::new();
        for package in fs::read_dir(folder().join("functions"))? {
            let Ok(binaries) = fs::read_dir(package?.path().join("src/bin")) else {
                continue;
            };
            for binary in binaries {
                if let Some(stem) = binary?.path().file_stem() {
                    let name = stem.to_string_lossy().into_owned();
                    programs.insert(name.clone(), program(&name)?);
                }
            }
        }
        ensure!(!programs.is_empty(), "version 0.1 has no functions");
        Ok(programs)
    }

    /// Its gateway's program by name.
    pub(super) fn gateway(&self) -> Result<BTreeMap<String, PathBuf>> {
        let name = "gateway".to_owned();
        let program = program(&name)?;
        Ok(BTreeMap::from([(name, program)]))
    }

    /// Runs its own `cargo xtask up` on free ports, and waits until it is up.
    pub(super) fn up(&self) -> Result<Up> {
        let log = checks::log("version 0.1 up")?;
        let output = File::create(&log)?;
        let mut command = Command::new(program("xtask")?);
        command
            .arg("up")
            .env("CARGO", without_builds()?)
            .env("CARGO_TARGET_DIR", target())
            .envs(
                Ports::free()?
                    .named()
                    .map(|(name, port)| (name, port.to_string())),
            )
            .current_dir(folder())
            .stdout(output.try_clone()?)
            .stderr(output);
        let state = Stack::state(STACK);
        // Of a run that was killed.
        let _ = fs::remove_file(state.join("stack.json"));
        let up = Up {
            child: process::spawn(&mut command)?,
            state,
        };
        up.ready(&log)
    }
}

/// A program of its build.
fn program(name: &str) -> Result<PathBuf> {
    let path = target().join("debug").join(name);
    ensure!(path.is_file(), "the build left no {}", path.display());
    Ok(path)
}

/// A cargo that builds nothing. `up` builds with other features than the tests, which would take
/// minutes more, and all of its programs are built.
fn without_builds() -> Result<PathBuf> {
    let path = local().join("upgrade").join("cargo-without-builds");
    let cargo = cargo();
    let cargo = Path::new(cargo.get_program()).display().to_string();
    let script = format!("#!/bin/sh\n[ \"$1\" = build ] && exit 0\nexec '{cargo}' \"$@\"\n");
    fs::write(&path, script)?;
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755))?;
    Ok(path)
}

fn check_out() -> Result<()> {
    let (folder, partial) = (folder(), local().join("upgrade").join("partial"));
    if folder.is_dir() {
        return Ok(());
    }
    let _ = fs::remove_dir_all(&partial);
    fs::create_dir_all(&partial)?;
    let archive = partial.join("code.tar");
    let mut git = Command::new("git");
    git.args(["archive", "--format=tar", COMMIT, "--output"])
        .arg(&archive)
        .current_dir(root());
    let log = checks::log("version 0.1 code")?;
    process::run_logged(&mut git, "version 0.1 from the history", &log)?;
    let mut tar = Command::new("tar");
    tar.arg("-xf").arg(&archive).current_dir(&partial);
    process::run_logged(&mut tar, "unpacking it", &log)?;
    fs::remove_file(archive)?;
    // Last, so that the folder is never half there.
    Ok(fs::rename(partial, folder)?)
}

/// The variable with the prefix of the objects of pictures, in the corrected tests.
pub(super) const ORIGINALS: &str = "TRICHROME_ORIGINALS";

/// A change of its tests, for what they can't know of later versions.
struct Correction {
    file: &'static str,
    old: &'static str,
    new: &'static str,
}

const CORRECTIONS: [Correction; 3] = [
    // The clean-up of a user whom the test has deleted.
    Correction {
        file: "tests/src/scenario.rs",
        old: "answer.status == 204,",
        new: "matches!(answer.status, 204 | 401),",
    },
    // The keys of objects, with the prefix in `ORIGINALS`.
    Correction {
        file: "tests/src/stored.rs",
        old: r#"let key = format!("{user_id}/{picture_id}");"#,
        new: r#"let key = std::env::var("TRICHROME_ORIGINALS")? + &format!("{user_id}/{picture_id}");"#,
    },
    Correction {
        file: "tests/src/stored.rs",
        old: r#".prefix(format!("{user_id}/"))"#,
        new: r#".prefix(std::env::var("TRICHROME_ORIGINALS")? + user_id)"#,
    },
];

/// Makes the corrections that aren't made yet.
fn correct_tests() -> Result<()> {
    for Correction { file, old, new } in CORRECTIONS {
        let path = folder().join(file);
        let text = fs::read_to_string(&path)?;
        if !text.contains(new) {
            ensure!(
                text.contains(old),
                "{} isn't that of version 0.1: delete {}",
                path.display(),
                folder().display()
            );
            fs::write(path, text.replace(old, new))?;
        }
    }
    Ok(())
}

/// A running `cargo xtask up` of version 0.1, which is stopped when this is dropped.
pub(super) struct Up {
    child: Child,
    state: PathBuf,
}

impl Up {
    fn ready(mut self, log: &Path) -> Result<Self> {
        let mut step = Step::begin("version 0.1 starts");
        let started = Instant::now();
        let is_up = |state: &Path| {
            state.join("stack.json").exists() && control::ask(state, "status").is_ok()
        };
        while !is_up(&self.state) {
            interrupt::check()?;
            let ended = self.child.try_wait()?;
            if ended.is_some() || started.elapsed() > START_TIMEOUT {
                step.end(false);
                bail!("version 0.1 doesn't start:\n{}", process::tail(log, 30));
            }
            step.tick(&process::last_line(log));
            thread::sleep(POLL);
        }
        step.end(true);
        Ok(self)
    }

    /// Writes a description of the stack that today's tests read; returns its path.
    pub(super) fn describe(&self) -> Result<PathBuf> {
        let text = fs::read_to_string(self.state.join("stack.json"))?;
        let mut description: Value = serde_json::from_str(&text)?;
        let missing = [
            ("admin_url", description["gateway_url"].clone()),
            ("call_log_queue_url", json!("")),
            ("derive_queue_url", json!("")),
            ("state", json!(self.state)),
            ("two_versions", json!(true)),
        ];
        for (name, value) in missing {
            description[name] = value;
        }
        let path = self.state.join("stack-0.1.json");
        fs::write(&path, description.to_string())?;
        Ok(path)
    }

    /// Stops its gateway.
    pub(super) fn stop_gateway(&self) -> Result<()> {
        let answer = control::ask(&self.state, "stop gateway")?;
        ensure!(answer == "ok", "{answer}");
        Ok(())
    }
}

impl Drop for Up {
    fn drop(&mut self) {
        let step = Step::begin("version 0.1 stops");
        process::stop(&mut self.child, Signal::TERM, STOP_TIMEOUT);
        step.end(true);
    }
}

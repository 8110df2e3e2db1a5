//! Running other programs to their end.

use std::{
    fs::File,
    path::Path,
    process::{Child, Command, ExitStatus, Stdio},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, bail};

use crate::{interrupt, progress};

/// How often a running program is looked at.
const POLL: Duration = Duration::from_millis(50);

/// Runs a program, its output shown, and fails if it does.
pub(crate) fn run(command: &mut Command) -> Result<()> {
    let name = name(command);
    let mut child = spawn(command)?;
    let status = wait(&mut child, || {})?;
    if !status.success() {
        bail!("{name}: {status}");
    }
    Ok(())
}

/// Runs a program with its output in a file, showing how long it has been at it; a failure
/// shows the output's end.
pub(crate) fn run_logged(command: &mut Command, step: &str, log: &Path) -> Result<()> {
    let file = File::create(log).with_context(|| format!("cannot write {}", log.display()))?;
    command.stdout(file.try_clone()?).stderr(file);
    let mut child = spawn(command)?;
    let mut line = progress::Step::begin(step);
    let status = wait(&mut child, || line.tick(&last_line(log)))?;
    line.end(status.success());
    if !status.success() {
        bail!(
            "{step} failed:\n{}\n(whole log: {})",
            tail(log, 30),
            log.display()
        );
    }
    Ok(())
}

/// Starts a program, naming it if that fails.
pub(crate) fn spawn(command: &mut Command) -> Result<Child> {
    let name = name(command);
    command
        .stdin(Stdio::null())
        .spawn()
        .with_context(|| format!("cannot start {name}"))
}

/// Waits for a program's end; an interrupt ends it.
pub(crate) fn wait(child: &mut Child, mut meanwhile: impl FnMut()) -> Result<ExitStatus> {
    let mut told = Instant::now();
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(status);
        }
        if interrupt::asked() {
            let _ = child.kill();
            let _ = child.wait();
            bail!("interrupted");
        }
        if told.elapsed() > Duration::from_millis(500) {
            told = Instant::now();
            meanwhile();
        }
        thread::sleep(POLL);
    }
}

/// The last lines of a log.
pub(crate) fn tail(log: &Path, lines: usize) -> String {
    let text = std::fs::read(log).unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    let all: Vec<_> = text.lines().collect();
    all[all.len().saturating_sub(lines)..].join("\n")
}

/// The last line of a log that says something.
fn last_line(log: &Path) -> String {
    tail(log, 3)
        .lines()
        .rev()
        .find(|line| !line.trim().is_empty())
        .unwrap_or_default()
        .trim()
        .to_owned()
}

fn name(command: &Command) -> String {
    command.get_program().to_string_lossy().into_owned()
}

//! Running other programs. Each gets its own process group, so that Ctrl-C reaches only this
//! program, which then stops the others in order, with their children.

use std::{
    fs::File,
    io::{Read as _, Seek as _, SeekFrom},
    os::unix::process::CommandExt as _,
    path::Path,
    process::{Child, Command, ExitStatus, Stdio},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, bail};
use rustix::process::{Pid, Signal, kill_process_group};

use crate::{interrupt, job::Job};

/// How often a running program is polled.
const POLL: Duration = Duration::from_millis(50);

/// How often progress is updated.
pub(crate) const TICK: Duration = Duration::from_millis(500);

/// Time allowed for a program to stop after an interrupt.
const STOP_TIMEOUT: Duration = Duration::from_secs(5);

/// Bytes at the end of a log that are searched for its last lines.
const TAIL_BYTES: u64 = 64 * 1024;

/// Runs a program with its output shown.
///
/// # Errors
///
/// The program fails.
pub(crate) fn run(command: &mut Command) -> Result<()> {
    let name = name(command);
    let mut child = spawn(command)?;
    let status = wait(&mut child, || {})?;
    if !status.success() {
        bail!("{name}: {status}");
    }
    Ok(())
}

/// Runs a program as a step of a larger job, with its output in `log`.
///
/// # Errors
///
/// The program fails; the error has the end of the log.
pub(crate) fn run_logged(command: &mut Command, step: &str, log: &Path) -> Result<()> {
    Job::begin(command, step, log, None)?.finish()
}

/// Whether a program succeeds; its output is dropped.
pub(crate) fn succeeds(command: &mut Command) -> bool {
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

/// Starts a program; an error names it.
pub(crate) fn spawn(command: &mut Command) -> Result<Child> {
    let name = name(command);
    command
        .stdin(Stdio::null())
        .process_group(0)
        .spawn()
        .with_context(|| format!("cannot start {name}"))
}

/// Waits for a program to end; an interrupt stops it.
pub(crate) fn wait(child: &mut Child, mut tick: impl FnMut()) -> Result<ExitStatus> {
    let mut ticked = Instant::now();
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(status);
        }
        if interrupt::requested() {
            stop(child, Signal::TERM, STOP_TIMEOUT);
            bail!("interrupted");
        }
        if ticked.elapsed() > TICK {
            ticked = Instant::now();
            tick();
        }
        thread::sleep(POLL);
    }
}

/// Signals a program and its children, waits, and kills what is left.
pub(crate) fn stop(child: &mut Child, signal: Signal, timeout: Duration) {
    let group = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
    stop_group(group, signal, timeout, || {
        matches!(child.try_wait(), Ok(Some(_)) | Err(_))
    });
    let _ = child.wait();
}

/// Signals a process group, waits for `gone` or the timeout, and kills the rest.
pub(crate) fn stop_group(
    group: Option<Pid>,
    signal: Signal,
    timeout: Duration,
    mut gone: impl FnMut() -> bool,
) {
    let Some(group) = group else {
        return;
    };
    let _ = kill_process_group(group, signal);
    let signalled = Instant::now();
    while !gone() && signalled.elapsed() < timeout && !interrupt::urgent() {
        thread::sleep(POLL);
    }
    let _ = kill_process_group(group, Signal::KILL);
}

/// The last lines of a log.
pub(crate) fn tail(log: &Path, lines: usize) -> String {
    let text = end_of(log).unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    let all: Vec<_> = text.lines().collect();
    all[all.len().saturating_sub(lines)..].join("\n")
}

fn end_of(log: &Path) -> std::io::Result<Vec<u8>> {
    let mut file = File::open(log)?;
    let length = file.metadata()?.len();
    file.seek(SeekFrom::Start(length.saturating_sub(TAIL_BYTES)))?;
    let mut text = Vec::new();
    file.read_to_end(&mut text)?;
    Ok(text)
}

/// The last line of a log that isn't blank.
pub(crate) fn last_line(log: &Path) -> String {
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

#[cfg(test)]
mod tests {
    use std::{
        io::{BufRead as _, BufReader},
        os::unix::process::ExitStatusExt as _,
        process::ChildStdout,
    };

    use super::*;

    /// Starts a shell and waits until it prints `ready`.
    fn ready(script: &str) -> (Child, BufReader<ChildStdout>) {
        let mut command = Command::new("sh");
        command.args(["-c", script]).stdout(Stdio::piped());
        let mut child = spawn(&mut command).unwrap();
        let mut output = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        output.read_line(&mut line).unwrap();
        assert_eq!(line, "ready\n");
        (child, output)
    }

    #[test]
    fn stopping_a_program_stops_its_children() {
        let (mut child, mut output) = ready("sleep 60 & echo ready; wait");
        let asked = Instant::now();
        stop(&mut child, Signal::TERM, Duration::from_secs(5));
        // The pipe closes once no process holds it. A process id would say less: it stays in
        // use until the parent waits for the process.
        output.read_to_end(&mut Vec::new()).unwrap();
        assert!(asked.elapsed() < Duration::from_secs(30));
    }

    #[test]
    fn a_program_that_ignores_the_signal_is_killed() {
        let (mut child, _output) = ready("trap '' TERM; echo ready; while :; do sleep 1; done");
        let asked = Instant::now();
        let patience = Duration::from_millis(300);
        stop(&mut child, Signal::TERM, patience);
        assert!(asked.elapsed() >= patience, "it stopped on SIGTERM");
        let status = child.try_wait().unwrap().unwrap();
        assert_eq!(status.signal(), Some(Signal::KILL.as_raw()));
    }

    #[test]
    fn the_tail_is_the_last_lines() {
        let log = std::env::temp_dir().join(format!("xtask-tail-{}", std::process::id()));
        std::fs::write(&log, "one\ntwo\nthree\n\n").unwrap();
        assert_eq!(tail(&log, 2), "three\n");
        assert_eq!(last_line(&log), "three");
        std::fs::remove_file(&log).unwrap();
        assert_eq!(tail(&log, 2), "");
    }

    #[test]
    fn a_missing_program_is_named() {
        let error = spawn(&mut Command::new("no-such-program")).unwrap_err();
        assert!(error.to_string().contains("no-such-program"));
    }
}

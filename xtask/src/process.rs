//! Running other programs. Each gets a process group of its own: Ctrl-C then reaches this
//! program alone, which ends the others in order, and their children with them.

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

use crate::{interrupt, progress};

/// How often a running program is looked at.
const POLL: Duration = Duration::from_millis(50);

/// How often a waiting person is told something new.
pub(crate) const TICK: Duration = Duration::from_millis(500);

/// What a build or an installation may take to end when it is interrupted.
const STOP_TIMEOUT: Duration = Duration::from_secs(5);

/// As much of a log's end as is looked at for its last lines, in bytes.
const TAIL_BYTES: u64 = 64 * 1024;

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
    run_told(command, step, log, || last_line(log))
}

/// Like [`run_logged`], with a remark of one's own beside the time.
pub(crate) fn run_told(
    command: &mut Command,
    step: &str,
    log: &Path,
    remark: impl Fn() -> String,
) -> Result<()> {
    let file = File::create(log).with_context(|| format!("cannot write {}", log.display()))?;
    command.stdout(file.try_clone()?).stderr(file);
    finish(command, step, log, remark)
}

/// Like [`run_told`], with what the program answers (its standard output) in another file.
pub(crate) fn run_split(
    command: &mut Command,
    step: &str,
    log: &Path,
    answer: File,
    remark: impl Fn() -> String,
) -> Result<()> {
    let file = File::create(log).with_context(|| format!("cannot write {}", log.display()))?;
    command.stdout(answer).stderr(file);
    finish(command, step, log, remark)
}

fn finish(
    command: &mut Command,
    step: &str,
    log: &Path,
    remark: impl Fn() -> String,
) -> Result<()> {
    let mut child = spawn(command)?;
    let mut line = progress::Step::begin(step);
    let status = match wait(&mut child, || line.tick(&remark())) {
        Ok(status) => status,
        Err(error) => {
            line.end(false);
            return Err(error);
        }
    };
    line.end(status.success());
    if !status.success() {
        bail!(
            "{step} failed:\n{}\n(whole log: {})",
            tail(log, 60),
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
        .process_group(0)
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
            stop(child, Signal::TERM, STOP_TIMEOUT);
            bail!("interrupted");
        }
        if told.elapsed() > TICK {
            told = Instant::now();
            meanwhile();
        }
        thread::sleep(POLL);
    }
}

/// Asks a program and its children to end, waits, and ends what is left.
pub(crate) fn stop(child: &mut Child, signal: Signal, timeout: Duration) {
    let group = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
    stop_group(group, signal, timeout, || {
        matches!(child.try_wait(), Ok(Some(_)) | Err(_))
    });
    let _ = child.wait();
}

/// Asks a process group to end, waits until `gone` or the time is over, and ends the rest.
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
    let asked = Instant::now();
    while !gone() && asked.elapsed() < timeout && !interrupt::urgent() {
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

/// The last line of a log that says something.
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

    /// Starts a shell, and waits until it says that it is ready.
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
        // It ends when nobody holds its other end. (A process id tells less: a child that has
        // ended keeps its own for as long as nobody asks after it.)
        output.read_to_end(&mut Vec::new()).unwrap();
        assert!(asked.elapsed() < Duration::from_secs(30));
    }

    #[test]
    fn a_program_that_will_not_end_is_ended() {
        let (mut child, _output) = ready("trap '' TERM; echo ready; while :; do sleep 1; done");
        let asked = Instant::now();
        let patience = Duration::from_millis(300);
        stop(&mut child, Signal::TERM, patience);
        assert!(asked.elapsed() >= patience, "it did end when asked");
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

//! Starts the parts, watches them, and stops all that it started.

use std::{
    fs::File,
    os::unix::process::CommandExt as _,
    process::Child,
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, bail};
use rustix::process::{Pid, Signal, kill_process_group};

use super::{Stack, control, parts::Part, warm};
use crate::{interrupt, process, progress::Step};

/// How long a part may take until it serves.
const START_TIMEOUT: Duration = Duration::from_secs(60);
const POLL: Duration = Duration::from_millis(50);

/// A stack that runs.
pub(crate) struct Supervisor {
    stack: Stack,
    running: Vec<(Part, Child)>,
}

impl Supervisor {
    /// Starts a stack and waits until all of it serves; what was started is stopped if any
    /// of it does not.
    pub(crate) fn start(stack: Stack) -> Result<Self> {
        let mut supervisor = Self {
            stack,
            running: Vec::new(),
        };
        let stores = [Part::Ministack, Part::Kafka, Part::Postgres];
        for part in stores {
            supervisor.spawn(part)?;
        }
        for part in stores {
            supervisor.await_ready(part)?;
        }
        supervisor.stack.prepare()?;
        for part in [Part::Functions, Part::Gateway] {
            supervisor.spawn(part)?;
        }
        supervisor.await_ready(Part::Functions)?;
        warm::functions(&supervisor.stack)?;
        supervisor.await_ready(Part::Gateway)?;
        supervisor
            .stack
            .description()
            .write(&supervisor.stack.state)?;
        Ok(supervisor)
    }

    /// The stack.
    pub(crate) fn stack(&self) -> &Stack {
        &self.stack
    }

    /// Serves the control socket until the program is asked to end, or `done` says so. A
    /// part that dies is told of once; the others go on.
    pub(crate) fn watch(&mut self, mut done: impl FnMut() -> bool) -> Result<()> {
        let listener = control::listen(&self.stack.state)?;
        listener.set_nonblocking(true)?;
        while !interrupt::asked() && !done() {
            match listener.accept() {
                Ok((stream, _)) => {
                    // Whoever asked and left is no reason to end.
                    let _ = control::serve(stream, |line| self.answer(line));
                }
                Err(_) => thread::sleep(POLL),
            }
            self.bury();
        }
        Ok(())
    }

    fn answer(&mut self, line: &str) -> String {
        let outcome = match line.split_once(' ') {
            Some(("stop", name)) => self.part(name).map(|part| self.stop(part)),
            Some(("start", name)) => self.part(name).and_then(|part| {
                self.spawn(part)?;
                self.await_ready(part)?;
                if part == Part::Functions {
                    warm::functions(&self.stack)?;
                }
                Ok(())
            }),
            None if line == "status" => Ok(()),
            None if line == "down" => {
                interrupt::ask();
                Ok(())
            }
            _ => Err(anyhow::anyhow!("unknown request")),
        };
        match outcome {
            Ok(()) => "ok".to_owned(),
            Err(error) => format!("error {error:#}").replace('\n', " "),
        }
    }

    fn part(&self, name: &str) -> Result<Part> {
        Part::from_name(name).with_context(|| format!("no part {name}"))
    }

    fn spawn(&mut self, part: Part) -> Result<()> {
        interrupt::check()?;
        if self.running.iter().any(|(running, _)| *running == part) {
            return Ok(());
        }
        let path = self.log(part);
        let log = File::options().create(true).append(true).open(&path)?;
        let mut command = part.command(&self.stack)?;
        // A group of its own: Ctrl-C reaches this program alone, which stops the parts in
        // order, and a part's children with it.
        command
            .process_group(0)
            .stdout(log.try_clone()?)
            .stderr(log);
        let child = process::spawn(&mut command)?;
        self.running.push((part, child));
        Ok(())
    }

    fn await_ready(&mut self, part: Part) -> Result<()> {
        let mut step = Step::begin(part.name());
        let started = Instant::now();
        while !part.is_ready(&self.stack) {
            interrupt::check()?;
            if self.bury().contains(&part) {
                step.end(false);
                bail!(
                    "{} ended at its start:\n{}\n(whole log: {})",
                    part.name(),
                    process::tail(&self.log(part), 15),
                    self.log(part).display()
                );
            }
            if started.elapsed() > START_TIMEOUT {
                step.end(false);
                bail!(
                    "{} does not serve after {} s; its log: {}",
                    part.name(),
                    START_TIMEOUT.as_secs(),
                    self.log(part).display()
                );
            }
            step.tick("");
            thread::sleep(POLL);
        }
        step.end(true);
        Ok(())
    }

    /// Takes note of parts that have ended.
    fn bury(&mut self) -> Vec<Part> {
        let mut ended = Vec::new();
        let mut index = 0;
        while index < self.running.len() {
            let (part, child) = &mut self.running[index];
            if let Ok(Some(status)) = child.try_wait() {
                let part = *part;
                println!(
                    "! {} ended ({status}); its log: {}",
                    part.name(),
                    self.log(part).display()
                );
                ended.push(part);
                self.running.remove(index);
            } else {
                index += 1;
            }
        }
        ended
    }

    /// Stops a part and what it started: asks, waits, and ends it.
    fn stop(&mut self, part: Part) {
        let Some(index) = self
            .running
            .iter()
            .position(|(running, _)| *running == part)
        else {
            return;
        };
        let (_, mut child) = self.running.remove(index);
        let group = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
        let signal = |signal: Signal| {
            if let Some(group) = group {
                let _ = kill_process_group(group, signal);
            }
        };
        signal(part.stop_signal());
        let asked = Instant::now();
        while asked.elapsed() < part.stop_timeout() {
            if matches!(child.try_wait(), Ok(Some(_)) | Err(_)) {
                break;
            }
            thread::sleep(POLL);
        }
        // What is left of the group, if anything is.
        signal(Signal::KILL);
        let _ = child.wait();
    }

    fn log(&self, part: Part) -> std::path::PathBuf {
        self.stack.logs.join(format!("{}.log", part.name()))
    }
}

impl Drop for Supervisor {
    /// In the opposite order of the start.
    fn drop(&mut self) {
        if !self.running.is_empty() {
            println!("stopping …");
        }
        for part in Part::ALL.into_iter().rev() {
            self.stop(part);
        }
        let _ = std::fs::remove_file(self.stack.state.join("stack.json"));
        let _ = std::fs::remove_file(control::socket(&self.stack.state));
    }
}

//! The processes of a stack: started, looked after, stopped.

use std::{
    fs::File,
    path::PathBuf,
    process::{Child, Command},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result};
use rustix::process::{Pid, Signal, kill_process_group};

use super::{Stack, leftovers, parts::Part};
use crate::{interrupt, process, progress::say};

const POLL: Duration = Duration::from_millis(20);

/// One process of a part, which leads a group of its own.
struct Running {
    part: Part,
    /// The part's, or a function's.
    name: String,
    child: Child,
    started: Option<leftovers::Started>,
}

/// All processes of a stack.
#[derive(Default)]
pub(crate) struct Processes {
    running: Vec<Running>,
    /// The program that tests it: left behind, it would stop parts of the next run.
    tests: Option<leftovers::Started>,
}

impl Processes {
    /// Whether a part has a process.
    pub(crate) fn has(&self, part: Part) -> bool {
        self.running.iter().any(|running| running.part == part)
    }

    /// Starts processes of a part; their output goes to its log.
    pub(crate) fn start(
        &mut self,
        stack: &Stack,
        part: Part,
        commands: Vec<(String, Command)>,
    ) -> Result<()> {
        interrupt::check()?;
        let path = log(stack, part);
        let log = File::options()
            .create(true)
            .append(true)
            .open(&path)
            .with_context(|| format!("cannot write {}", path.display()))?;
        for (name, mut command) in commands {
            command.stdout(log.try_clone()?).stderr(log.try_clone()?);
            let child = process::spawn(&mut command)?;
            self.running.push(Running {
                started: leftovers::Started::note(part.name(), child.id(), part.stop_signal()),
                part,
                name,
                child,
            });
        }
        self.note(stack)
    }

    /// Takes note of a program that tests the stack, until the next one.
    pub(crate) fn note_tests(&mut self, stack: &Stack, pid: u32) -> Result<()> {
        self.tests = leftovers::Started::note("tests", pid, Signal::TERM);
        self.note(stack)
    }

    /// Writes down what runs, for the case that this program is killed.
    fn note(&self, stack: &Stack) -> Result<()> {
        let parts = self.running.iter().filter_map(|it| it.started.clone());
        let started: Vec<_> = parts.chain(self.tests.clone()).collect();
        leftovers::write(&stack.state, &started)
    }

    /// Takes note of processes that have ended, says so, and answers their parts.
    pub(crate) fn bury(&mut self, stack: &Stack) -> Vec<Part> {
        let mut ended = Vec::new();
        self.running.retain_mut(|running| {
            let Ok(Some(status)) = running.child.try_wait() else {
                return true;
            };
            // A part's processes tend to end together: one line is enough.
            if !ended.contains(&running.part) {
                say(format!(
                    "! {} ended ({status}); its log: {}",
                    running.name,
                    log(stack, running.part).display()
                ));
                ended.push(running.part);
            }
            // What it started, if it left anything.
            running.signal(Signal::KILL);
            false
        });
        ended
    }

    /// Ends a part the hard way; what comes of it is what comes of a crash.
    pub(crate) fn kill(&self, part: Part) {
        for running in self.running.iter().filter(|running| running.part == part) {
            running.signal(Signal::KILL);
        }
    }

    /// Stops a part and what it started: asks, waits, and ends it.
    pub(crate) fn stop(&mut self, stack: &Stack, part: Part) {
        let mut stopping: Vec<_> = self
            .running
            .extract_if(.., |running| running.part == part)
            .collect();
        if stopping.is_empty() {
            return;
        }
        for running in &stopping {
            running.signal(part.stop_signal());
        }
        let asked = Instant::now();
        while asked.elapsed() < part.stop_timeout() && !interrupt::urgent() {
            let ended = |running: &mut Running| !matches!(running.child.try_wait(), Ok(None));
            if stopping.iter_mut().all(ended) {
                break;
            }
            thread::sleep(POLL);
        }
        for running in &mut stopping {
            running.signal(Signal::KILL);
            let _ = running.child.wait();
        }
        // Only makes the next start look for more than it would have to.
        let _ = self.note(stack);
    }
}

impl Running {
    /// To the process and what it started.
    fn signal(&self, signal: Signal) {
        let group = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw);
        if let Some(group) = group {
            let _ = kill_process_group(group, signal);
        }
    }
}

/// Where a part's output goes.
pub(crate) fn log(stack: &Stack, part: Part) -> PathBuf {
    stack.logs.join(format!("{}.log", part.name()))
}

//! The processes of a stack.

use std::{
    collections::BTreeSet,
    fs::{self, File},
    path::{Path, PathBuf},
    process::{Child, Command},
    thread,
    time::{Duration, Instant, SystemTime},
};

use anyhow::{Context as _, Result};
use rustix::process::{Pid, Signal, kill_process_group};

use super::{Stack, leftovers, parts::Part, relay};
use crate::{interrupt, process, progress::say, workspace};

const POLL: Duration = Duration::from_millis(20);

/// A process to start.
pub(crate) struct Launch {
    /// The part's name, or the function's.
    pub(crate) name: String,
    pub(crate) command: Command,
    /// The relay's id for it, if it is a function's process.
    pub(crate) relay: Option<relay::Id>,
}

/// One process of a part, the leader of its own process group.
struct Running {
    part: Part,
    name: String,
    relay: Option<relay::Id>,
    child: Child,
    started: Option<leftovers::Started>,
    /// The workspace's program that it runs, as of its start.
    program: Option<(PathBuf, Option<Stamp>)>,
    /// Whether it was asked to stop.
    killed: bool,
}

/// Distinguishes two builds of a program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stamp(SystemTime, u64);

impl Stamp {
    pub(crate) fn of(program: &Path) -> Option<Self> {
        let metadata = fs::metadata(program).ok()?;
        Some(Self(metadata.modified().ok()?, metadata.len()))
    }
}

/// A process that has ended.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Ended {
    pub(crate) part: Part,
    pub(crate) name: String,
    pub(crate) relay: Option<relay::Id>,
    /// Whether it is a function's process that has been ready to serve.
    pub(crate) served: bool,
    /// Whether it crashed.
    pub(crate) crashed: bool,
}

/// All processes of a stack.
#[derive(Default)]
pub(crate) struct Processes {
    running: Vec<Running>,
    /// The program that tests the stack. A leftover one would stop parts of the next run.
    tests: Option<leftovers::Started>,
}

impl Processes {
    /// Whether a part has a process.
    pub(crate) fn has(&self, part: Part) -> bool {
        self.running.iter().any(|running| running.part == part)
    }

    /// The relay's ids of a function's processes.
    pub(crate) fn of_function(&self, name: &str) -> Vec<relay::Id> {
        self.running
            .iter()
            .filter(|running| running.name == name)
            .filter_map(|running| running.relay)
            .collect()
    }

    /// The functions that have processes.
    pub(crate) fn functions(&self) -> BTreeSet<String> {
        self.running
            .iter()
            .filter(|running| running.relay.is_some())
            .map(|running| running.name.clone())
            .collect()
    }

    /// The parts and functions whose program has been rebuilt since their start.
    pub(crate) fn outdated(&self) -> BTreeSet<String> {
        self.running
            .iter()
            .filter(|running| {
                running
                    .program
                    .as_ref()
                    .is_some_and(|(path, stamp)| Stamp::of(path) != *stamp)
            })
            .map(|running| running.name.clone())
            .collect()
    }

    /// Starts processes of a part. Their output goes to its log.
    pub(crate) fn start(&mut self, stack: &Stack, part: Part, launches: Vec<Launch>) -> Result<()> {
        interrupt::check()?;
        let path = log(stack, part);
        let log = File::options()
            .create(true)
            .append(true)
            .open(&path)
            .with_context(|| format!("cannot write {}", path.display()))?;
        for Launch {
            name,
            mut command,
            relay,
        } in launches
        {
            command.stdout(log.try_clone()?).stderr(log.try_clone()?);
            let path = PathBuf::from(command.get_program());
            let program = path
                .starts_with(workspace::target())
                .then(|| (path.clone(), Stamp::of(&path)));
            let child = process::spawn(&mut command)?;
            self.running.push(Running {
                started: leftovers::Started::note(part.name(), child.id(), part.stop_signal()),
                part,
                name,
                relay,
                child,
                program,
                killed: false,
            });
        }
        self.note(stack)
    }

    /// Records the program that tests the stack, in place of the previous one.
    pub(crate) fn note_tests(&mut self, stack: &Stack, pid: u32) -> Result<()> {
        self.tests = leftovers::Started::note("tests", pid, Signal::TERM);
        self.note(stack)
    }

    /// Writes the running processes to the state, in case this program is killed.
    fn note(&self, stack: &Stack) -> Result<()> {
        let parts = self.running.iter().filter_map(|it| it.started.clone());
        let started: Vec<_> = parts.chain(self.tests.clone()).collect();
        leftovers::write(&stack.state, &started)
    }

    /// Removes the processes that have ended, reports them, and returns them.
    pub(crate) fn reap(&mut self, stack: &Stack) -> Vec<Ended> {
        let mut ended: Vec<Ended> = Vec::new();
        self.running.retain_mut(|running| {
            let Ok(Some(status)) = running.child.try_wait() else {
                return true;
            };
            // The processes of one function often end together: one line is enough.
            if !ended.iter().any(|other| other.name == running.name) {
                say(format!(
                    "! {} ended ({status}); its log: {}",
                    running.name,
                    log(stack, running.part).display()
                ));
            }
            ended.push(Ended {
                part: running.part,
                name: running.name.clone(),
                relay: running.relay,
                served: false,
                crashed: !running.killed,
            });
            // Its children, if any are left.
            running.signal(Signal::KILL);
            false
        });
        ended
    }

    /// Kills the processes of a part or a function, to simulate a crash.
    pub(crate) fn kill(&mut self, name: &str) {
        for running in &mut self.running {
            if running.name == name || running.part.name() == name {
                running.killed = true;
                running.signal(Signal::KILL);
            }
        }
    }

    /// Whether a part's process has been killed and hasn't ended yet.
    pub(crate) fn is_killed(&self, part: Part) -> bool {
        self.running
            .iter()
            .any(|running| running.name == part.name() && running.killed)
    }

    /// Marks a part's processes as asked to stop.
    pub(crate) fn expect_end(&mut self, part: Part) {
        for running in &mut self.running {
            running.killed |= running.part == part;
        }
    }

    /// Stops a part and its children: signals, waits, and kills the rest.
    pub(crate) fn stop(&mut self, stack: &Stack, part: Part) -> Vec<relay::Id> {
        self.stop_those(stack, part, |running| running.part == part)
    }

    /// Stops processes of functions.
    pub(crate) fn stop_functions(&mut self, stack: &Stack, ids: &[relay::Id]) {
        self.stop_those(stack, Part::Functions, |running| {
            running.relay.is_some_and(|id| ids.contains(&id))
        });
    }

    fn stop_those(
        &mut self,
        stack: &Stack,
        part: Part,
        chosen: impl Fn(&Running) -> bool,
    ) -> Vec<relay::Id> {
        let mut stopping: Vec<_> = self
            .running
            .extract_if(.., |running| chosen(running))
            .collect();
        if stopping.is_empty() {
            return Vec::new();
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
        // If this fails, the next start only checks more processes than needed.
        let _ = self.note(stack);
        stopping
            .iter()
            .filter_map(|running| running.relay)
            .collect()
    }
}

impl Running {
    /// Signals the process and its children.
    fn signal(&self, signal: Signal) {
        let group = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw);
        if let Some(group) = group {
            let _ = kill_process_group(group, signal);
        }
    }
}

/// The log of a part.
pub(crate) fn log(stack: &Stack, part: Part) -> PathBuf {
    stack.logs.join(format!("{}.log", part.name()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_build_has_another_stamp() {
        let program = std::env::temp_dir().join(format!("xtask-stamp-{}", std::process::id()));
        assert_eq!(Stamp::of(&program), None);
        fs::write(&program, "one").unwrap();
        let first = Stamp::of(&program);
        assert_eq!(first, Stamp::of(&program));
        fs::write(&program, "other").unwrap();
        assert_ne!(first, Stamp::of(&program));
        fs::remove_file(program).unwrap();
    }
}

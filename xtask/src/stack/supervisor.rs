//! Starts the parts, watches them, and stops all that it started.

use std::{
    collections::VecDeque,
    fs, thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, anyhow, bail};

use super::{
    Stack, control,
    functions::{self, FirstCalls},
    parts::Part,
    running::{Processes, log},
};
use crate::{
    interrupt, process,
    progress::{Step, say},
};

/// How long a part may take until it serves.
const START_TIMEOUT: Duration = Duration::from_secs(60);
const POLL: Duration = Duration::from_millis(20);

/// A part that ends more often than this many times a minute is not started again.
const RESTARTS: usize = 5;
const RESTARTS_WITHIN: Duration = Duration::from_secs(60);

/// A stack that runs.
pub(crate) struct Supervisor {
    processes: Processes,
    restarts: VecDeque<(Part, Instant)>,
    /// Those whose end was asked for, and has not been noticed yet.
    killed: Vec<Part>,
    /// Parts that ended by themselves.
    crashes: usize,
    /// Dropped last: it holds the stack's lock.
    stack: Stack,
}

impl Supervisor {
    /// Starts a stack and waits until all of it serves; what was started is stopped if any
    /// of it does not.
    pub(crate) fn start(stack: Stack) -> Result<Self> {
        let mut supervisor = Self {
            processes: Processes::default(),
            restarts: VecDeque::new(),
            killed: Vec::new(),
            crashes: 0,
            stack,
        };
        let mut stores = supervisor.stack.stores();
        stores.extend(Part::watchers(&supervisor.stack));
        for part in Part::ALL {
            let _ = fs::remove_file(log(&supervisor.stack, part));
        }
        for &part in &stores {
            supervisor.spawn(part)?;
        }
        for part in stores {
            supervisor.await_ready(part)?;
        }
        supervisor.stack.prepare()?;
        supervisor.stack.deploy()?;
        let servers = supervisor.stack.servers();
        for &part in &servers {
            supervisor.spawn(part)?;
        }
        for part in servers {
            supervisor.await_ready(part)?;
        }
        let description = supervisor.stack.description();
        description.write(&supervisor.stack.state)?;
        Ok(supervisor)
    }

    /// The stack.
    pub(crate) fn stack(&self) -> &Stack {
        &self.stack
    }

    /// How many parts have ended by themselves so far: neither stopped nor killed by request.
    pub(crate) fn crashes(&self) -> usize {
        self.crashes
    }

    /// Takes note of a program that tests the stack: it is stopped with what else is left, if
    /// this program is ended the hard way.
    pub(crate) fn note_tests(&mut self, pid: u32) -> Result<()> {
        self.processes.note_tests(&self.stack, pid)
    }

    /// Serves the control socket until the program is asked to end, or `done` says so. A
    /// part that dies is told of; the others go on.
    pub(crate) fn watch(&mut self, mut done: impl FnMut() -> bool) -> Result<()> {
        let listener = control::listen(&self.stack.state)?;
        listener.set_nonblocking(true)?;
        while !interrupt::requested() && !done() {
            match listener.accept() {
                Ok((stream, _)) => {
                    // Whoever asked and left is no reason to end.
                    let _ = control::serve(stream, |line| self.answer(line));
                }
                Err(_) => thread::sleep(POLL),
            }
            for part in self.bury() {
                if matches!(part, Part::Functions | Part::Gateway) {
                    self.restart(part);
                }
            }
        }
        Ok(())
    }

    fn answer(&mut self, line: &str) -> String {
        let outcome = match line.split_once(' ') {
            Some(("stop", name)) => part(name).map(|part| self.stop(part)),
            Some(("kill", name)) => part(name).map(|part| self.kill(part)),
            Some(("start", name)) => part(name).and_then(|part| self.start_part(part)),
            None if line == "status" => Ok(()),
            _ => Err(anyhow!("unknown request")),
        };
        match outcome {
            Ok(()) => "ok".to_owned(),
            Err(error) => format!("error {error:#}").replace('\n', " "),
        }
    }

    /// Ends a part as a crash would.
    fn kill(&mut self, part: Part) {
        if self.processes.has(part) {
            self.killed.push(part);
        }
        match (part, self.stack.image()) {
            // Of a container, only the client is a process of ours.
            (Part::Gateway, Some(image)) => image.kill(),
            _ => self.processes.kill(part),
        }
    }

    /// Starts a part, unless it runs, and waits until it serves.
    fn start_part(&mut self, part: Part) -> Result<()> {
        if self.processes.has(part) {
            return Ok(());
        }
        let outcome = self.spawn(part).and_then(|()| self.await_ready(part));
        if outcome.is_err() {
            self.stop(part);
        }
        outcome
    }

    fn spawn(&mut self, part: Part) -> Result<()> {
        let command = part.command(&self.stack)?;
        let commands = vec![(part.name().to_owned(), command)];
        self.processes.start(&self.stack, part, commands)
    }

    fn await_ready(&mut self, part: Part) -> Result<()> {
        let mut step = Step::begin(part.name());
        let outcome = self.serving(part, &mut step);
        step.end(outcome.is_ok());
        outcome
    }

    fn serving(&mut self, part: Part, step: &mut Step) -> Result<()> {
        let started = Instant::now();
        while !part.is_ready(&self.stack) {
            self.still_starting(part, started)?;
            step.tick("");
        }
        if part == Part::Functions {
            let commands = functions::commands(&self.stack)?;
            self.processes.start(&self.stack, part, commands)?;
            self.first_calls(started, step)?;
        }
        Ok(())
    }

    /// So that a function that does not serve is found now, and no user meets a cold one.
    fn first_calls(&mut self, started: Instant, step: &mut Step) -> Result<()> {
        let calls = FirstCalls::begin(&self.stack)?;
        let mut served = 0;
        while served < calls.total {
            while let Ok((name, outcome)) = calls.outcomes.try_recv() {
                outcome.with_context(|| format!("{name} does not serve"))?;
                served += 1;
            }
            self.still_starting(Part::Functions, started)?;
            step.tick(&format!("{served} of {}", calls.total));
        }
        Ok(())
    }

    /// Waits a moment; an error where there is no more reason to wait for a part.
    fn still_starting(&mut self, part: Part, started: Instant) -> Result<()> {
        thread::sleep(POLL);
        interrupt::check()?;
        let log = log(&self.stack, part);
        if self.bury().contains(&part) {
            bail!(
                "{} ended at its start:\n{}\n(whole log: {})",
                part.name(),
                process::tail(&log, 15),
                log.display()
            );
        }
        if started.elapsed() > START_TIMEOUT {
            bail!(
                "{} does not serve after {} s; its log: {}",
                part.name(),
                START_TIMEOUT.as_secs(),
                log.display()
            );
        }
        Ok(())
    }

    fn bury(&mut self) -> Vec<Part> {
        let ended = self.processes.bury(&self.stack);
        for part in &ended {
            match self.killed.iter().position(|killed| killed == part) {
                Some(known) => drop(self.killed.swap_remove(known)),
                None => self.crashes += 1,
            }
        }
        ended
    }

    fn stop(&mut self, part: Part) {
        self.processes.stop(&self.stack, part);
        self.killed.retain(|killed| *killed != part);
    }

    /// As where they are deployed: a new environment takes a dead function's place, a new
    /// container a dead gateway's. All functions, and cargo-lambda with them: it goes on
    /// sending events to a dead function's extension, and then fails every call of every
    /// function (as of 1.9.2).
    fn restart(&mut self, part: Part) {
        self.stop(part);
        self.restarts
            .retain(|(_, at)| at.elapsed() <= RESTARTS_WITHIN);
        let lately = self.restarts.iter().filter(|(other, _)| *other == part);
        if lately.count() >= RESTARTS {
            say(format!("! {} keeps ending and stays down", part.name()));
            return;
        }
        self.restarts.push_back((part, Instant::now()));
        say(format!("! starting {} again", part.name()));
        if let Err(error) = self.start_part(part) {
            say(format!("! {error:#}"));
        }
    }
}

fn part(name: &str) -> Result<Part> {
    Part::from_name(name).with_context(|| format!("no part {name}"))
}

impl Drop for Supervisor {
    /// In the opposite order of the start.
    fn drop(&mut self) {
        let step = Step::begin("stopping");
        for part in Part::ALL.into_iter().rev() {
            self.stop(part);
        }
        let _ = fs::remove_file(self.stack.state.join("stack.json"));
        let _ = fs::remove_file(control::socket(&self.stack.state));
        step.end(true);
    }
}

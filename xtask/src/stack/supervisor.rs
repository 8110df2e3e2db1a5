//! Starts the parts, watches them, and stops everything that it started.

mod crashes;
mod replace;
mod revive;

use std::{
    collections::BTreeMap,
    fs,
    path::PathBuf,
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, anyhow, bail};
use crashes::Crashes;
use revive::Revived;

use super::{
    Stack, control,
    functions::{self, FirstCalls},
    logs,
    parts::{self, Part},
    relay::Relay,
    reload::Reload,
    running::{Ended, Launch, Processes, Stamp, log},
};
use crate::{interrupt, process, progress::Step, workspace::binary};

/// Time allowed for a part to become ready.
const START_TIMEOUT: Duration = Duration::from_secs(60);
const POLL: Duration = Duration::from_millis(20);

/// A running stack.
pub(crate) struct Supervisor {
    processes: Processes,
    /// Between the functions' processes and cargo-lambda.
    relay: Relay,
    /// Processes that ended while something else was being started.
    pending_exits: Vec<Ended>,
    restarts: Crashes,
    /// Parts that were started again after a crash and aren't ready yet.
    reviving: Vec<Revived>,
    /// Processes that ended by themselves.
    crashes: usize,
    /// Whether the whole stack has been started.
    up: bool,
    reload: Option<Reload>,
    /// The `prepare` that has run, and this program, to notice new builds.
    prepared: Option<Stamp>,
    own: Option<Stamp>,
    /// Dropped last: it holds the stack's lock.
    stack: Stack,
}

impl Supervisor {
    /// Starts a stack and waits until every part is ready. If one fails, all are stopped.
    pub(crate) fn start(stack: Stack) -> Result<Self> {
        let mut supervisor = Self {
            processes: Processes::default(),
            relay: Relay::open(stack.ports.lambda)?,
            pending_exits: Vec::new(),
            restarts: Crashes::default(),
            reviving: Vec::new(),
            crashes: 0,
            up: false,
            reload: None,
            prepared: None,
            own: Stamp::of(&binary("xtask")),
            stack,
        };
        let mut stores = supervisor.stack.stores();
        stores.extend(Part::watchers(&supervisor.stack));
        for part in Part::ALL {
            let log = log(&supervisor.stack, part);
            logs::rotate(&log).with_context(|| format!("cannot rotate {}", log.display()))?;
        }
        for &part in &stores {
            supervisor.spawn(part)?;
        }
        for part in stores {
            supervisor.await_ready(part)?;
        }
        supervisor.prepare()?;
        supervisor.stack.deploy()?;
        let servers = supervisor.stack.servers();
        for &part in &servers {
            supervisor.spawn(part)?;
        }
        for part in servers {
            supervisor.await_ready(part)?;
        }
        let mut description = supervisor.stack.description();
        if supervisor.stack.image().is_none() {
            let program = supervisor.stack.program("gateway");
            description.gateway_program = Some(program.display().to_string());
            description.gateway_environment = parts::gateway_variables(&supervisor.stack)?
                .into_iter()
                .map(|(name, value)| (name.to_owned(), value))
                .collect();
        }
        description.write(&supervisor.stack.state)?;
        supervisor.up = true;
        Ok(supervisor)
    }

    /// The stack.
    pub(crate) fn stack(&self) -> &Stack {
        &self.stack
    }

    /// Replaces programs of the workspace from their next start on, by name.
    pub(crate) fn use_programs(&mut self, programs: BTreeMap<String, PathBuf>) {
        self.stack.use_programs(programs);
    }

    /// From now on, builds what is saved and replaces what changed.
    pub(crate) fn reload_on_change(&mut self, reload: Reload) {
        self.reload = Some(reload);
    }

    /// The number of processes that crashed: that ended without being stopped or killed on request.
    pub(crate) fn crashes(&self) -> usize {
        self.crashes
    }

    /// Records a program that tests the stack, so that the next run stops it if this program is
    /// killed.
    pub(crate) fn note_tests(&mut self, pid: u32) -> Result<()> {
        self.processes.note_tests(&self.stack, pid)
    }

    /// Serves the control socket until the program is asked to end, or `done` says so. A
    /// part that ends is reported and started again; the others go on.
    pub(crate) fn watch(&mut self, mut done: impl FnMut() -> bool) -> Result<()> {
        let listener = control::listen(&self.stack.state)?;
        listener.set_nonblocking(true)?;
        while !interrupt::requested() && !done() {
            match listener.accept() {
                Ok((stream, _)) => {
                    // A client that disconnects is ignored.
                    let _ = control::serve(stream, |line| self.answer(line));
                }
                Err(_) => thread::sleep(POLL),
            }
            self.handle_exits();
            self.watch_revived();
            if self.reload.as_mut().is_some_and(Reload::poll) {
                self.renew();
            }
        }
        Ok(())
    }

    fn answer(&mut self, line: &str) -> String {
        if line == "crashes" {
            return format!("ok {}", self.crashes);
        }
        let outcome = match line.split_once(' ') {
            Some(("stop", name)) => part(name).map(|part| self.stop(part)),
            Some(("kill", name)) => self.kill(name),
            Some(("start", name)) => part(name).and_then(|part| self.start_part(part)),
            Some(("restart", name)) => self.restart(name),
            None if line == "status" => Ok(()),
            _ => Err(anyhow!("unknown request")),
        };
        match outcome {
            Ok(()) => "ok".to_owned(),
            Err(error) => format!("error {error:#}").replace('\n', " "),
        }
    }

    /// Ends a part or a function as a crash would.
    fn kill(&mut self, name: &str) -> Result<()> {
        match (Part::from_name(name), self.stack.image()) {
            // The container's process isn't a child of this program, only its client is.
            (Some(Part::Gateway), Some(image)) => {
                self.processes.expect_end(Part::Gateway);
                image.kill();
            }
            (None, _) if !self.processes.functions().contains(name) => self.unknown(name)?,
            _ => self.processes.kill(name),
        }
        Ok(())
    }

    /// Starts a part that isn't running and waits until it is ready.
    fn start_part(&mut self, part: Part) -> Result<()> {
        if self.processes.has(part) {
            return Ok(());
        }
        self.forget_crashes(part);
        let outcome = self.spawn(part).and_then(|()| self.await_ready(part));
        if outcome.is_err() {
            self.stop(part);
        }
        outcome
    }

    fn spawn(&mut self, part: Part) -> Result<()> {
        let launch = Launch {
            name: part.name().to_owned(),
            command: part.command(&self.stack)?,
            relay: None,
        };
        self.processes.start(&self.stack, part, vec![launch])
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
        if part == Part::Postgres {
            self.stack.ensure_database()?;
        }
        if part == Part::Functions {
            let names = functions::names()?;
            let names = names.iter().map(String::as_str);
            let launches = functions::launches(&self.stack, &self.relay, names)?;
            self.processes.start(&self.stack, part, launches)?;
            self.first_calls(started, step)?;
        }
        Ok(())
    }

    /// Calls every function once, to find broken ones and to spare users the cold start.
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

    /// Waits a moment. Fails if the part can't become ready any more.
    fn still_starting(&mut self, part: Part, started: Instant) -> Result<()> {
        thread::sleep(POLL);
        interrupt::check()?;
        for ended in self.reap() {
            if ended.part == part || !self.up {
                let log = log(&self.stack, ended.part);
                bail!(
                    "{} ended at its start:\n{}\n(whole log: {})",
                    ended.name,
                    process::tail(&log, 15),
                    log.display()
                );
            }
            self.pending_exits.push(ended);
        }
        if started.elapsed() > START_TIMEOUT {
            bail!(
                "{} does not serve after {} s; its log: {}",
                part.name(),
                START_TIMEOUT.as_secs(),
                log(&self.stack, part).display()
            );
        }
        Ok(())
    }

    fn reap(&mut self) -> Vec<Ended> {
        let mut ended = self.processes.reap(&self.stack);
        for process in &mut ended {
            self.crashes += usize::from(process.crashed);
            if let Some(id) = process.relay {
                process.served = self.relay.is_ready(id);
                self.relay.forget(id);
            }
        }
        ended
    }

    fn stop(&mut self, part: Part) {
        self.forget_crashes(part);
        for id in self.processes.stop(&self.stack, part) {
            self.relay.forget(id);
        }
    }
}

fn part(name: &str) -> Result<Part> {
    Part::from_name(name).with_context(|| format!("no part {name}"))
}

impl Drop for Supervisor {
    /// Stops the parts in the opposite order of their start.
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

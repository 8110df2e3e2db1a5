//! Replacing parts and functions: on request, and when they have been built.

use std::{
    collections::BTreeSet,
    thread,
    time::{Duration, Instant},
};

use anyhow::{Result, bail};

use super::{
    super::{
        functions::{self, INSTANCES},
        parts::Part,
        relay,
        running::{Stamp, log},
    },
    POLL, START_TIMEOUT, Supervisor,
};
use crate::{
    interrupt, process,
    progress::{Step, say},
    workspace::binary,
};

/// Time allowed for a process to finish its call, more than a call may take.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(12);

/// The program that prepares tables, topics and schema.
const PREPARE: &str = "prepare";

impl Supervisor {
    /// Runs `prepare`, which creates what is missing.
    pub(super) fn prepare(&mut self) -> Result<()> {
        self.prepared = Stamp::of(&binary(PREPARE));
        self.stack.prepare()
    }

    /// Restarts a part or a function on request.
    pub(crate) fn restart(&mut self, name: &str) -> Result<()> {
        self.restarts.forget(name);
        match Part::from_name(name) {
            Some(part) => self.restart_part(part),
            None if functions::names()?.contains(name) => self.replace(name),
            None => self.unknown(name),
        }
    }

    /// The error for an unknown name.
    pub(super) fn unknown(&self, name: &str) -> Result<()> {
        let parts = Part::ALL.map(Part::name).join(", ");
        let functions: Vec<_> = self.processes.functions().into_iter().collect();
        bail!(
            "there is no part or function {name}; the parts are {parts}, and the functions {}",
            functions.join(", ")
        );
    }

    pub(super) fn restart_part(&mut self, part: Part) -> Result<()> {
        self.stop(part);
        self.start_part(part)
    }

    /// Starts a function's missing processes.
    pub(super) fn fill(&mut self, name: &str) -> Result<()> {
        let running = self.processes.of_function(name).len();
        let launches = (running..INSTANCES)
            .map(|_| functions::launch(&self.stack, &self.relay, name))
            .collect::<Result<_>>()?;
        self.processes.start(&self.stack, Part::Functions, launches)
    }

    /// Replaces the processes of one function. The old ones serve until the new ones do, and
    /// go on serving if those can't start. No call is lost.
    fn replace(&mut self, name: &str) -> Result<()> {
        let mut step = Step::begin(&format!("replacing {name}"));
        let old = self.processes.of_function(name);
        let launches = functions::launches(&self.stack, &self.relay, [name])?;
        let new: Vec<_> = launches.iter().filter_map(|launch| launch.relay).collect();
        self.processes
            .start(&self.stack, Part::Functions, launches)?;
        let outcome = self.await_all(name, &new, &mut step);
        if outcome.is_ok() {
            self.retire(name, &old);
        } else {
            self.retire(name, &new);
        }
        step.end(outcome.is_ok());
        outcome
    }

    /// Waits until all of these processes have asked for an event.
    fn await_all(&mut self, name: &str, ids: &[relay::Id], step: &mut Step) -> Result<()> {
        let started = Instant::now();
        while !ids.iter().all(|&id| self.relay.is_ready(id)) {
            thread::sleep(POLL);
            interrupt::check()?;
            step.tick("");
            let log = log(&self.stack, Part::Functions);
            for ended in self.reap() {
                if ended.relay.is_some_and(|id| ids.contains(&id)) {
                    bail!(
                        "the new {name} ended at its start, so the old one goes on:\n{}\n(whole log: {})",
                        process::tail(&log, 15),
                        log.display()
                    );
                }
                self.pending_exits.push(ended);
            }
            if started.elapsed() > START_TIMEOUT {
                bail!(
                    "the new {name} does not serve after {} s, so the old one goes on; the log: {}",
                    START_TIMEOUT.as_secs(),
                    log.display()
                );
            }
        }
        Ok(())
    }

    /// Ends processes of a function, once they have finished their calls.
    fn retire(&mut self, name: &str, ids: &[relay::Id]) {
        for &id in ids {
            self.relay.retire(id);
        }
        let asked = Instant::now();
        while !ids.iter().all(|&id| self.relay.is_idle(id))
            && asked.elapsed() < DRAIN_TIMEOUT
            && !interrupt::requested()
        {
            // Each waits for one more event. cargo-lambda hands events out in the order in which
            // processes asked for them, so these come before the ones that replace them.
            if ids.iter().any(|&id| self.relay.is_waiting(id)) {
                let _ = functions::probe(&self.stack, name);
            }
            thread::sleep(POLL);
        }
        self.processes.stop_functions(&self.stack, ids);
        for &id in ids {
            self.relay.forget(id);
        }
    }

    /// Replaces the programs that have been rebuilt.
    pub(super) fn renew(&mut self) {
        if let Err(error) = self.renew_all() {
            say(format!("! {error:#}"));
        }
    }

    fn renew_all(&mut self) -> Result<()> {
        if Stamp::of(&binary(PREPARE)) != self.prepared {
            self.prepare()?;
        }
        let outdated = self.processes.outdated();
        for part in Part::ALL {
            if outdated.contains(part.name()) && part != Part::Gateway {
                self.restart_part(part)?;
            }
        }
        if self.stack.servers().contains(&Part::Functions) {
            self.renew_functions(&outdated)?;
        }
        // Last, because the gateway calls the functions.
        if outdated.contains(Part::Gateway.name()) {
            self.restart_part(Part::Gateway)?;
        }
        let own = Stamp::of(&binary("xtask"));
        if own != self.own {
            self.own = own;
            say("(this program has changed as well: start it again to use the new one)");
        }
        Ok(())
    }

    fn renew_functions(&mut self, outdated: &BTreeSet<String>) -> Result<()> {
        for name in functions::missing()? {
            say(format!("! {}", functions::describe_missing(&name)));
        }
        let wanted = functions::names()?;
        let running = self.processes.functions();
        for name in &running - &wanted {
            let ids = self.processes.of_function(&name);
            self.retire(&name, &ids);
        }
        let mut failed = Vec::new();
        for name in wanted {
            if outdated.contains(&name) || !running.contains(&name) {
                // A failure doesn't keep the others from being replaced.
                failed.extend(self.replace(&name).err());
            }
        }
        match failed.into_iter().next() {
            Some(error) => Err(error),
            None => Ok(()),
        }
    }
}

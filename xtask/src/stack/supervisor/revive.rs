//! Starting parts and functions again after a crash, as Lambda and a container platform do.

use std::{collections::BTreeSet, time::Instant};

use anyhow::Result;

use super::{
    super::{parts::Part, running::log},
    START_TIMEOUT, Supervisor,
};
use crate::{port, progress::say};

/// A part that was started again after a crash.
pub(super) struct Revived {
    part: Part,
    since: Instant,
    /// Whether it was reported that it takes long.
    reported: bool,
}

impl Supervisor {
    /// Starts again what has crashed. A part becomes ready in the background, so that parts that
    /// depend on each other start together.
    pub(super) fn handle_exits(&mut self) {
        let mut ended = std::mem::take(&mut self.pending_exits);
        ended.extend(self.reap());
        let mut parts: Vec<Part> = Vec::new();
        let mut functions = BTreeSet::new();
        let mut crashed = BTreeSet::new();
        let now = Instant::now();
        for process in ended {
            if self.restarts.pause(&process, now) {
                self.pending_exits.push(process);
                continue;
            }
            if !process.served {
                crashed.insert(process.name.clone());
            }
            match process.part {
                Part::Functions if process.relay.is_some() => drop(functions.insert(process.name)),
                part => parts.push(part),
            }
        }
        self.restarts.restarted(crashed, now);
        if !functions.is_empty() {
            // cargo-lambda is about to stop, and the functions are restarted with it.
            if self.processes.is_killed(Part::Functions) {
                functions.clear();
            } else if !port::accepts(self.stack.ports.lambda) {
                parts.push(Part::Functions);
            }
        }
        for part in Part::ALL {
            if parts.contains(&part) {
                self.restart_crashed(part.name(), |supervisor| supervisor.revive(part));
            }
        }
        if !parts.contains(&Part::Functions) {
            for name in functions {
                self.restart_crashed(&name, |supervisor| supervisor.fill(&name));
            }
        }
    }

    /// Restarts a part or a function.
    fn restart_crashed(&mut self, name: &str, start: impl FnOnce(&mut Self) -> Result<()>) {
        say(format!("! starting {name} again"));
        if let Err(error) = start(self) {
            say(format!("! {error:#}"));
        }
    }

    fn revive(&mut self, part: Part) -> Result<()> {
        if part == Part::Functions {
            return self.restart_part(part);
        }
        self.stop(part);
        self.stack.before_revival(part);
        self.spawn(part)?;
        self.reviving.push(Revived {
            part,
            since: Instant::now(),
            reported: false,
        });
        Ok(())
    }

    /// Reports the parts that serve again.
    pub(super) fn watch_revived(&mut self) {
        for mut revived in std::mem::take(&mut self.reviving) {
            let part = revived.part;
            if !self.processes.has(part) {
                // It has ended again, which is handled as another crash.
                continue;
            }
            if part.is_ready(&self.stack) {
                match self.recovered(part) {
                    Ok(()) => say(format!(
                        "✓ {} serves again, after {:.1} s",
                        part.name(),
                        revived.since.elapsed().as_secs_f64()
                    )),
                    Err(error) => say(format!("! {}: {error:#}", part.name())),
                }
                continue;
            }
            if revived.since.elapsed() > START_TIMEOUT && !revived.reported {
                revived.reported = true;
                say(format!(
                    "! {} does not serve after {} s; its log: {}",
                    part.name(),
                    START_TIMEOUT.as_secs(),
                    log(&self.stack, part).display()
                ));
            }
            self.reviving.push(revived);
        }
    }

    /// Creates what a part may have lost.
    fn recovered(&mut self, part: Part) -> Result<()> {
        match part {
            Part::Ministack if self.stack.loses_deployment() => {
                say("! the local AWS starts empty: deploying again");
                self.stack.deploy()?;
                self.stack.description().write(&self.stack.state)?;
                // Its addresses may have changed.
                self.restart_part(Part::Gateway)
            }
            Part::Ministack => self.stack.prepare_again(&["storage", "keys"]),
            Part::Kafka => self.stack.prepare_again(&["topics"]),
            Part::Postgres => self.stack.ensure_database(),
            _ => Ok(()),
        }
    }

    /// Forgets that a part has crashed: it is stopped or started on request.
    pub(super) fn forget_crashes(&mut self, part: Part) {
        self.pending_exits.retain(|ended| ended.part != part);
        self.reviving.retain(|revived| revived.part != part);
    }
}

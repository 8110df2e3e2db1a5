//! What a person sees while they wait: one line a step, rewritten on a terminal, repeated
//! now and then elsewhere.

use std::{
    io::{IsTerminal as _, Write as _, stdout},
    time::{Duration, Instant},
};

/// How often a step tells of itself where lines cannot be rewritten.
const QUIET: Duration = Duration::from_secs(15);

/// The longest remark beside a step, in characters.
const REMARK: usize = 60;

/// One step of a longer work.
pub(crate) struct Step {
    name: String,
    started: Instant,
    told: Instant,
    terminal: bool,
}

impl Step {
    pub(crate) fn begin(name: &str) -> Self {
        let step = Self {
            name: name.to_owned(),
            started: Instant::now(),
            told: Instant::now(),
            terminal: stdout().is_terminal(),
        };
        step.show("…", "", if step.terminal { "" } else { "\n" });
        step
    }

    /// Tells that it still goes on, and what of.
    pub(crate) fn tick(&mut self, remark: &str) {
        let short: String = remark.chars().take(REMARK).collect();
        if self.terminal {
            self.show("…", &short, "");
        } else if self.told.elapsed() >= QUIET {
            self.told = Instant::now();
            self.show("…", &short, "\n");
        }
    }

    pub(crate) fn end(self, well: bool) {
        self.show(if well { "✓" } else { "✗" }, "", "\n");
    }

    fn show(&self, mark: &str, remark: &str, end: &str) {
        let start = if self.terminal { "\r\x1b[2K" } else { "" };
        let seconds = self.started.elapsed().as_secs();
        let time = if seconds == 0 {
            String::new()
        } else {
            format!("  {}:{:02}", seconds / 60, seconds % 60)
        };
        print!("{start}{mark} {}{time}  {remark}{end}", self.name);
        // A terminal that is gone is no reason to stop.
        let _ = stdout().flush();
    }
}

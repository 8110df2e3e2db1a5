//! What a person sees while they wait: one line a step, rewritten on a terminal, repeated
//! now and then elsewhere.

use std::{
    fmt,
    io::{IsTerminal as _, Write as _, stdout},
    time::{Duration, Instant},
};

/// How often a step tells of itself where lines cannot be rewritten.
const QUIET: Duration = Duration::from_secs(15);

/// The longest remark beside a step, in characters.
const REMARK: usize = 70;

/// Prints a line. A terminal that is gone is no reason to stop, let alone to panic.
pub(crate) fn say(line: impl fmt::Display) {
    let mut out = stdout().lock();
    let _ = writeln!(out, "{line}").and_then(|()| out.flush());
}

/// One step of a longer work.
pub(crate) struct Step {
    name: String,
    started: Instant,
    told: Instant,
    terminal: bool,
}

impl Step {
    pub(crate) fn begin(name: &str) -> Self {
        let mut step = Self {
            name: name.to_owned(),
            started: Instant::now(),
            told: Instant::now(),
            terminal: stdout().is_terminal(),
        };
        step.tick("");
        step
    }

    /// Tells that it still goes on, and what of.
    pub(crate) fn tick(&mut self, remark: &str) {
        let remark: String = remark.chars().take(REMARK).collect();
        let line = self.line("…", &remark);
        if self.terminal {
            let mut out = stdout().lock();
            let _ = write!(out, "\r\x1b[2K{line}").and_then(|()| out.flush());
        } else if self.told.elapsed() >= QUIET {
            self.told = Instant::now();
            say(line);
        }
    }

    /// Tells how it ended.
    pub(crate) fn end(self, well: bool) {
        self.end_with(well, "");
    }

    /// Tells how it ended, and what came of it.
    pub(crate) fn end_with(self, well: bool, remark: &str) {
        let start = if self.terminal { "\r\x1b[2K" } else { "" };
        let line = self.line(if well { "✓" } else { "✗" }, remark);
        say(format!("{start}{line}"));
    }

    /// Leaves no trace: there was nothing to tell.
    pub(crate) fn vanish(self) {
        if self.terminal {
            let mut out = stdout().lock();
            let _ = write!(out, "\r\x1b[2K").and_then(|()| out.flush());
        }
    }

    fn line(&self, mark: &str, remark: &str) -> String {
        line(mark, &self.name, self.started.elapsed(), remark)
    }
}

fn line(mark: &str, name: &str, elapsed: Duration, remark: &str) -> String {
    let seconds = elapsed.as_secs();
    let mut line = format!("{mark} {name}");
    if seconds > 0 {
        line += &format!("  {}:{:02}", seconds / 60, seconds % 60);
    }
    if !remark.is_empty() {
        line += &format!("  {remark}");
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_tells_time_and_remark_where_there_are_any() {
        assert_eq!(
            line("✓", "kafka", Duration::from_millis(900), ""),
            "✓ kafka"
        );
        assert_eq!(
            line("…", "build", Duration::from_secs(75), "3 crates"),
            "… build  1:15  3 crates"
        );
    }
}

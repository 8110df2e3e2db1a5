//! Progress output: one line a step, rewritten on a terminal and repeated now and then
//! elsewhere.

use std::{
    cell::Cell,
    fmt,
    io::{IsTerminal as _, Write as _, stdout},
    time::{Duration, Instant},
};

/// How often a step is repeated where lines can't be rewritten.
const REPEAT: Duration = Duration::from_secs(15);

/// Longest remark beside a step, in characters.
const MAX_REMARK: usize = 70;

/// Removes what is on a terminal's line.
const CLEAR: &str = "\r\x1b[2K";

thread_local! {
    static LABEL: Cell<&'static str> = const { Cell::new("") };
}

/// Sets what is printed before each line of this thread, for threads that print side by side.
pub(crate) fn label(label: &'static str) {
    LABEL.set(label);
}

/// Prints a line. Unlike `println!` it doesn't panic when the terminal is gone.
pub(crate) fn say(line: impl fmt::Display) {
    let mut out = stdout().lock();
    // Another thread's step may be there.
    let clear = if out.is_terminal() { CLEAR } else { "" };
    let label = LABEL.get();
    let _ = writeln!(out, "{clear}{label}{line}").and_then(|()| out.flush());
}

/// One step of a longer job.
pub(crate) struct Step {
    name: String,
    started: Instant,
    shown: Instant,
    terminal: bool,
}

impl Step {
    pub(crate) fn begin(name: &str) -> Self {
        let mut step = Self {
            name: name.to_owned(),
            started: Instant::now(),
            shown: Instant::now(),
            terminal: stdout().is_terminal(),
        };
        step.tick("");
        step
    }

    /// Shows that the step is still running, with a remark.
    pub(crate) fn tick(&mut self, remark: &str) {
        let remark: String = remark.chars().take(MAX_REMARK).collect();
        let line = self.line("…", &remark);
        if self.terminal {
            let mut out = stdout().lock();
            let label = LABEL.get();
            let _ = write!(out, "{CLEAR}{label}{line}").and_then(|()| out.flush());
        } else if self.shown.elapsed() >= REPEAT {
            self.shown = Instant::now();
            say(line);
        }
    }

    /// Shows the outcome.
    pub(crate) fn end(self, success: bool) {
        self.end_with(success, "");
    }

    /// Shows the outcome with a remark.
    pub(crate) fn end_with(self, success: bool, remark: &str) {
        say(self.line(if success { "✓" } else { "✗" }, remark));
    }

    /// Removes the step's line.
    pub(crate) fn clear(self) {
        if self.terminal {
            let mut out = stdout().lock();
            let _ = write!(out, "{CLEAR}").and_then(|()| out.flush());
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
    fn a_line_has_the_time_and_the_remark_if_any() {
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

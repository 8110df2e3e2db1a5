//! Processes left over by a stack that was killed: its parts keep running in their process
//! groups, and hold the ports and the state.

use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::Result;
use rustix::process::{Pid, Signal};
use serde::{Deserialize, Serialize};

use crate::process;

/// Time allowed for a leftover process to stop.
const STOP_TIMEOUT: Duration = Duration::from_secs(10);

/// A started process. Its start time distinguishes it from a later one with the same id.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Started {
    name: String,
    pid: i32,
    /// In ticks since the system started.
    since: String,
    /// Whether it is stopped with SIGINT rather than SIGTERM.
    interrupt: bool,
}

impl Started {
    /// Records a process. `None` if it has ended, or without `/proc` (macOS), where leftovers
    /// aren't found.
    pub(crate) fn note(name: &str, pid: u32, signal: Signal) -> Option<Self> {
        let pid = i32::try_from(pid).ok()?;
        Some(Self {
            name: name.to_owned(),
            pid,
            since: start_time(pid)?,
            interrupt: signal == Signal::INT,
        })
    }

    fn is_running(&self) -> bool {
        start_time(self.pid).is_some_and(|since| since == self.since)
    }

    fn stop(&self) {
        let signal = if self.interrupt {
            Signal::INT
        } else {
            Signal::TERM
        };
        process::stop_group(Pid::from_raw(self.pid), signal, STOP_TIMEOUT, || {
            !self.is_running()
        });
    }
}

/// Writes the running processes to the state.
pub(crate) fn write(state: &Path, running: &[Started]) -> Result<()> {
    fs::write(path(state), serde_json::to_string_pretty(running)?)?;
    Ok(())
}

/// Stops the processes of an earlier run and returns their names. The caller holds the lock.
pub(crate) fn stop(state: &Path) -> Vec<String> {
    let left: Vec<Started> = fs::read(path(state))
        .ok()
        .and_then(|text| serde_json::from_slice(&text).ok())
        .unwrap_or_default();
    let mut stopped = Vec::new();
    // In reverse order of their start.
    for process in left.into_iter().rev().filter(Started::is_running) {
        process.stop();
        if !stopped.contains(&process.name) {
            stopped.push(process.name);
        }
    }
    let _ = fs::remove_file(path(state));
    stopped
}

fn path(state: &Path) -> PathBuf {
    state.join("processes.json")
}

/// Field 22 of `/proc/<pid>/stat` (proc(5)); `None` for a zombie.
fn start_time(pid: i32) -> Option<String> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    parse_stat(&stat)
}

fn parse_stat(stat: &str) -> Option<String> {
    // The second field, a name in parentheses, may hold spaces and parentheses.
    let (_, rest) = stat.rsplit_once(')')?;
    let mut fields = rest.split_whitespace();
    if fields.next()? == "Z" {
        return None;
    }
    fields.nth(18).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    #[test]
    fn the_start_time_is_parsed_whatever_the_name() {
        let fields = "S 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 4711 20";
        let stat = |name: &str| format!("42 ({name}) {fields}");
        assert_eq!(parse_stat(&stat("sh")).as_deref(), Some("4711"));
        assert_eq!(parse_stat(&stat("a) b (c")).as_deref(), Some("4711"));
        assert_eq!(parse_stat(&stat("sh").replace(" S ", " Z ")), None);
        assert_eq!(parse_stat(""), None);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn only_leftover_processes_are_stopped() {
        let state = std::env::temp_dir().join(format!("xtask-left-{}", std::process::id()));
        fs::create_dir_all(&state).unwrap();
        let spawn = || process::spawn(Command::new("sleep").arg("60")).unwrap();
        let (mut left, mut other) = (spawn(), spawn());
        let mut stranger = Started::note("other", other.id(), Signal::TERM).unwrap();
        stranger.since = "1".to_owned();
        let started = Started::note("left", left.id(), Signal::TERM).unwrap();
        write(&state, &[started, stranger]).unwrap();
        assert_eq!(stop(&state), ["left"]);
        assert!(left.try_wait().unwrap().is_some());
        assert!(other.try_wait().unwrap().is_none());
        assert!(stop(&state).is_empty());
        other.kill().unwrap();
        other.wait().unwrap();
        fs::remove_dir_all(&state).unwrap();
    }
}

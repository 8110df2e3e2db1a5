//! The lock of a stack, which one process at a time holds. The system releases it however the
//! process ends.

use std::{
    fs::{self, File, TryLockError},
    io::Write as _,
    path::{Path, PathBuf},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, bail};
use rustix::process::{Pid, Signal, kill_process};

/// Time allowed for all parts to stop.
const STOP_TIMEOUT: Duration = Duration::from_secs(60);
const POLL: Duration = Duration::from_millis(50);

/// Held while a stack starts, runs and stops.
pub(crate) struct Lock {
    /// Closing it releases the lock.
    _file: File,
}

impl Lock {
    /// Takes the lock of the stack with this state. If another process holds it, the inner error
    /// is that process's id.
    pub(crate) fn take(state: &Path) -> Result<std::result::Result<Self, String>> {
        fs::create_dir_all(state).with_context(|| format!("cannot create {}", state.display()))?;
        let path = path(state);
        let mut file = File::options()
            .create(true)
            .truncate(false)
            .read(true)
            .write(true)
            .open(&path)
            .with_context(|| format!("cannot write {}", path.display()))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Ok(Err(fs::read_to_string(&path)?)),
            Err(TryLockError::Error(error)) => {
                return Err(error).with_context(|| format!("cannot lock {}", path.display()));
            }
        }
        file.set_len(0)?;
        write!(file, "{}", std::process::id())?;
        Ok(Ok(Self { _file: file }))
    }
}

/// Stops the process that runs the stack and waits for it. Returns whether there was one.
pub(crate) fn stop_holder(state: &Path) -> Result<bool> {
    let Err(holder) = Lock::take(state)? else {
        return Ok(false);
    };
    let pid = holder.trim().parse().ok().and_then(Pid::from_raw);
    let pid =
        pid.with_context(|| format!("{} doesn't contain a process id", path(state).display()))?;
    kill_process(pid, Signal::TERM).context("cannot stop the running stack")?;
    let asked = Instant::now();
    while Lock::take(state)?.is_err() {
        if asked.elapsed() > STOP_TIMEOUT {
            bail!(
                "process {holder} is still running after {} s",
                STOP_TIMEOUT.as_secs()
            );
        }
        thread::sleep(POLL);
    }
    Ok(true)
}

/// Outside of the state, which the tests wipe while they hold the lock.
fn path(state: &Path) -> PathBuf {
    state.with_extension("lock")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stack_is_run_by_one_process_at_a_time() {
        let state = std::env::temp_dir().join(format!("xtask-lock-{}", std::process::id()));
        assert!(!stop_holder(&state).unwrap());
        let held = Lock::take(&state).unwrap().ok();
        let holder = Lock::take(&state).unwrap().err();
        assert_eq!(holder, Some(std::process::id().to_string()));
        drop(held);
        assert!(Lock::take(&state).unwrap().is_ok());
        fs::remove_dir(&state).unwrap();
        fs::remove_file(path(&state)).unwrap();
    }
}

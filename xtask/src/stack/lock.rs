//! One program at a time runs a stack: it holds a lock that the system takes back however
//! the program ends.

use std::{
    fs::{self, File, TryLockError},
    io::Write as _,
    path::{Path, PathBuf},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, bail};
use rustix::process::{Pid, Signal, kill_process};

/// What all parts together may take to end.
const STOP_TIMEOUT: Duration = Duration::from_secs(60);
const POLL: Duration = Duration::from_millis(50);

/// Held while a stack is being started, runs, or is being stopped.
pub(crate) struct Lock {
    /// Its lock ends with it.
    _file: File,
}

impl Lock {
    /// Takes the lock of the stack with this state, unless a program holds it: that
    /// program's process id is the error.
    pub(crate) fn take(state: &Path) -> Result<std::result::Result<Self, String>> {
        fs::create_dir_all(state).with_context(|| format!("cannot make {}", state.display()))?;
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

/// Asks the program that runs the stack to end, and waits until it has. Whether there was
/// one.
pub(crate) fn stop_holder(state: &Path) -> Result<bool> {
    let Err(holder) = Lock::take(state)? else {
        return Ok(false);
    };
    let pid = holder.trim().parse().ok().and_then(Pid::from_raw);
    let pid = pid.with_context(|| format!("{} holds no process id", path(state).display()))?;
    kill_process(pid, Signal::TERM).context("cannot stop it")?;
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

/// Beside the state, which the tests wipe while they hold the lock.
fn path(state: &Path) -> PathBuf {
    state.with_extension("lock")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stack_is_run_by_one_program_at_a_time() {
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

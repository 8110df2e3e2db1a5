//! Ctrl-C, SIGTERM and SIGHUP: counted here, and checked where the program waits.

use std::{
    sync::atomic::{AtomicUsize, Ordering},
    thread,
};

use anyhow::{Context as _, Result, ensure};
use signal_hook::{
    consts::{SIGHUP, SIGINT, SIGTERM},
    iterator::Signals,
};

/// Number of interrupts received.
static RECEIVED: AtomicUsize = AtomicUsize::new(0);

/// Installs the signal handlers.
pub(crate) fn install() -> Result<()> {
    let mut signals =
        Signals::new([SIGHUP, SIGINT, SIGTERM]).context("cannot install signal handlers")?;
    thread::spawn(move || {
        for _ in &mut signals {
            RECEIVED.fetch_add(1, Ordering::Relaxed);
        }
    });
    Ok(())
}

/// Whether the program should stop.
pub(crate) fn requested() -> bool {
    RECEIVED.load(Ordering::Relaxed) > 0
}

/// Whether it was interrupted again: then nothing is waited for.
pub(crate) fn urgent() -> bool {
    RECEIVED.load(Ordering::Relaxed) > 1
}

/// Fails if the program should stop.
pub(crate) fn check() -> Result<()> {
    ensure!(!requested(), "interrupted");
    Ok(())
}

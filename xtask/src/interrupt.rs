//! Ctrl-C, SIGTERM and a closed terminal: noted, and acted on where the program waits.

use std::{
    sync::atomic::{AtomicUsize, Ordering},
    thread,
};

use anyhow::{Context as _, Result, ensure};
use signal_hook::{
    consts::{SIGHUP, SIGINT, SIGTERM},
    iterator::Signals,
};

/// How often the program was asked to end.
static ASKED: AtomicUsize = AtomicUsize::new(0);

/// Takes the signals over.
pub(crate) fn install() -> Result<()> {
    let mut signals =
        Signals::new([SIGHUP, SIGINT, SIGTERM]).context("cannot take over signals")?;
    thread::spawn(move || {
        for _ in &mut signals {
            ask();
        }
    });
    Ok(())
}

/// Whether the program is to end.
pub(crate) fn asked() -> bool {
    ASKED.load(Ordering::Relaxed) > 0
}

/// Whether it was asked again: then nothing is waited for any more.
pub(crate) fn urgent() -> bool {
    ASKED.load(Ordering::Relaxed) > 1
}

/// Asks the program to end, as a signal would.
pub(crate) fn ask() {
    ASKED.fetch_add(1, Ordering::Relaxed);
}

/// An error if the program is to end.
pub(crate) fn check() -> Result<()> {
    ensure!(!asked(), "interrupted");
    Ok(())
}

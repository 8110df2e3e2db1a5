//! Ctrl-C and SIGTERM: noted, and acted on where the program waits.

use std::sync::{
    Arc, LazyLock,
    atomic::{AtomicBool, Ordering},
};

use anyhow::{Result, ensure};
use signal_hook::consts::{SIGINT, SIGTERM};

static ASKED: LazyLock<Arc<AtomicBool>> = LazyLock::new(Arc::default);

/// Takes the two signals over; a second one of them ends the program at once.
pub(crate) fn install() {
    for signal in [SIGINT, SIGTERM] {
        // In this order: the second signal finds the flag that the first one set.
        let _ = signal_hook::flag::register_conditional_shutdown(signal, 130, ASKED.clone());
        let _ = signal_hook::flag::register(signal, ASKED.clone());
    }
}

/// Whether the program is to end.
pub(crate) fn asked() -> bool {
    ASKED.load(Ordering::Relaxed)
}

/// Ends the program as a signal would.
pub(crate) fn ask() {
    ASKED.store(true, Ordering::Relaxed);
}

/// An error if the program is to end.
pub(crate) fn check() -> Result<()> {
    ensure!(!asked(), "interrupted");
    Ok(())
}

//! `cargo xtask down`.

use std::{
    thread,
    time::{Duration, Instant},
};

use anyhow::{Result, bail};

use crate::stack::{self, Stack, control};

/// The sum of what the parts may take.
const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) fn run() -> Result<()> {
    let state = Stack::state("up");
    if !stack::is_running(&state) {
        println!("nothing is running");
        return Ok(());
    }
    control::ask(&state, "down")?;
    let asked = Instant::now();
    while stack::is_running(&state) {
        if asked.elapsed() > PATIENCE {
            bail!("still running after {} s", PATIENCE.as_secs());
        }
        thread::sleep(Duration::from_millis(100));
    }
    println!("stopped");
    Ok(())
}

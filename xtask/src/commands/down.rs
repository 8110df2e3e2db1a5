//! `cargo xtask down`.

use anyhow::Result;

use crate::stack::{Stack, stop_holder};

pub(crate) fn run() -> Result<()> {
    if stop_holder(&Stack::state("up"))? {
        println!("stopped");
    } else {
        // What a killed `up` left behind goes as well.
        Stack::lock("up")?;
        println!("nothing is running");
    }
    Ok(())
}

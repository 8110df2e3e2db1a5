//! What happens while a part of the stack is down, and after it comes back: what needs it
//! says so in time, the rest goes on, and nobody has to lend a hand.
//!
//! Stops and starts the stack's parts, so it runs alone: `cargo xtask test` runs it last, on
//! a stack of its own. Beside a running `cargo xtask up` it works too, and disturbs it:
//! `cargo test -p trichrome-tests --features stack --test faults`.

mod aws;
mod functions;
mod gateway;
mod kafka;
mod logs;
mod outage;
mod postgres;

use std::{process::ExitCode, time::Duration};

use trichrome_tests::harness::Suite;

/// The bounds in one scenario (everything serves, a part stops, calls are refused, the part
/// starts, everything serves again) add up to some minutes.
const PATIENCE: Duration = Duration::from_secs(600);

fn main() -> ExitCode {
    let mut suite = Suite::patient(PATIENCE);
    for add in [
        postgres::add,
        aws::add,
        functions::add,
        kafka::add,
        gateway::add,
        // Last, so that it reads what all the others have left.
        logs::add,
    ] {
        add(&mut suite);
    }
    suite.run(1)
}

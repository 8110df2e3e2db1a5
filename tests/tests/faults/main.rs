//! Tests of outages: while a part of the stack is down, calls that need it fail in time, other
//! calls still work, and everything recovers by itself afterwards.
//!
//! The tests stop and start parts of the stack, so nothing else uses it meanwhile. `cargo xtask test`
//! runs them on its own stacks. They also work against a running `cargo xtask up`, but disturb it:
//! `cargo test -p trichrome-tests --features stack --test faults`.

mod aws;
mod batches;
mod cache;
mod churn;
mod deadlines;
mod derive;
mod flood;
mod functions;
mod gateway;
mod hang_ups;
mod kafka;
mod kills;
mod login;
mod logs;
mod outage;
mod postgres;
mod transactions;
mod trigger;

use std::{process::ExitCode, time::Duration};

use trichrome_tests::harness::Suite;

/// The timeouts of a scenario's steps (all calls work, a part stops, calls fail, the part starts,
/// all calls work again) add up to several minutes.
const TIMEOUT: Duration = Duration::from_secs(600);

fn main() -> ExitCode {
    let mut suite = Suite::with_timeout(TIMEOUT);
    for add in [
        postgres::add,
        aws::add,
        functions::add,
        hang_ups::add,
        derive::add,
        cache::add,
        kills::of_others,
    ] {
        add(&mut suite);
    }
    for add in [
        trigger::add,
        kafka::add,
        batches::add,
        flood::add,
        deadlines::add,
        transactions::add,
        login::add,
        gateway::add,
        churn::add,
        kills::of_kafka,
        // Last, so that it reads the logs of all the others.
        logs::add,
    ] {
        suite.kafka(add);
    }
    suite.run(1)
}

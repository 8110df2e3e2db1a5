//! Every scenario over every transport, against a running stack.
//!
//! `cargo xtask test` runs it on a stack of its own; beside a running `cargo xtask up`:
//! `cargo test -p trichrome-tests --features stack --test scenarios -- [part of a name]`.

mod accounts;
mod authorization;
mod bad_bodies;
mod bad_fields;
mod bad_pictures;
mod call_logs;
mod events;
mod gateway;
mod grpc;
mod idempotency;
mod isolation;
mod journey;
mod paging;
mod pictures;
mod traces;
mod typed_clients;

use std::process::ExitCode;

use trichrome_tests::harness::Suite;

/// Most of a test's time is waiting; the functions take what two cores give.
const THREADS: usize = 6;

fn main() -> ExitCode {
    let mut suite = Suite::default();
    for add in [
        journey::add,
        pictures::add,
        paging::add,
        accounts::add,
        isolation::add,
        idempotency::add,
        authorization::add,
        bad_fields::add,
        bad_pictures::add,
        bad_bodies::add,
        call_logs::add,
        events::add,
        grpc::add,
        typed_clients::add,
        gateway::add,
        traces::add,
    ] {
        add(&mut suite);
    }
    suite.run(THREADS)
}

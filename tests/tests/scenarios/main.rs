//! Scenarios over every transport, against a running stack.
//!
//! `cargo xtask test` runs them on its own stack. To run them against `cargo xtask up`:
//! `cargo test -p trichrome-tests --features stack --test scenarios -- [part of a name]`.

mod access;
mod accounts;
mod authorization;
mod bad_bodies;
mod bad_fields;
mod bad_pictures;
mod bucket;
mod cache;
mod call_logs;
mod commands;
mod derivatives;
mod edges;
mod events;
mod gateway;
mod grpc;
mod guessing;
mod idempotency;
mod index;
mod inputs;
mod isolation;
mod journey;
mod links;
mod old_pictures;
mod paging;
mod pictures;
mod quotas;
mod raw;
mod renames;
mod rest_api;
mod revocation;
mod traces;
mod typed_clients;
mod uploads;
mod version_0_1;

use std::process::ExitCode;

use trichrome_tests::harness::Suite;

/// Tests mostly wait, so this is more than the number of cores.
const THREADS: usize = 6;

fn main() -> ExitCode {
    let mut suite = Suite::default();
    for add in [
        journey::add,
        pictures::add,
        uploads::add,
        quotas::add,
        old_pictures::add,
        version_0_1::add,
        bucket::add,
        renames::add,
        derivatives::add,
        paging::add,
        raw::add,
        links::add,
        index::add,
        accounts::add,
        isolation::add,
        cache::add,
        idempotency::add,
        inputs::add,
        authorization::add,
        revocation::add,
        guessing::add,
        bad_fields::add,
        bad_pictures::add,
        bad_bodies::add,
        rest_api::add,
        call_logs::add,
        grpc::add,
        typed_clients::add,
        gateway::add,
        edges::add,
        traces::add,
    ] {
        add(&mut suite);
    }
    for add in [events::add, commands::add, access::add] {
        suite.kafka(add);
    }
    suite.run(THREADS)
}

//! The upgrade from version 0.1, as steps of `cargo xtask verify upgrade`, which runs each on the
//! right stack.

mod data;
mod replicas;
mod traffic;

use std::process::ExitCode;

use trichrome_tests::harness::Suite;

/// Each step runs alone.
const THREADS: usize = 1;

/// The longest step is the traffic, while every part is replaced.
const TIMEOUT: std::time::Duration = std::time::Duration::from_secs(600);

fn main() -> ExitCode {
    let mut suite = Suite::with_timeout(TIMEOUT);
    suite.once("seed", data::seed);
    suite.once("leave_a_command", data::leave_a_command);
    suite.once("survived", data::survived);
    suite.once("backfilled", data::backfilled);
    suite.once("traffic", traffic::traffic);
    suite.once("replicas", replicas::share_the_topics);
    suite.run(THREADS)
}

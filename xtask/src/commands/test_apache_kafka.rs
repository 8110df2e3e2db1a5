//! The part of `cargo xtask test` that runs on Apache Kafka: the scenarios and faults of Kafka, with
//! TLS, logins and the ACLs of `deploy/kafka`.

use anyhow::{Context as _, Result, bail};

use super::end_to_end::{Chosen, END_TO_END, ON_A_STACK, run_on};
use crate::{
    builds::{self, TestBinary},
    observe::Observe,
    progress::say,
    stack::{Ports, Stack},
    test_run::{Choice, Counts, TestRun},
    tools::ApacheKafka,
};

/// The test that searches the logs for secrets, once more after the scenarios.
const LEAKS: &str = "no_secret_is_in_any_log";

/// The stack's name.
const NAME: &str = "test-apache-kafka";

pub(super) fn run(tests: &[TestBinary], filter: Option<&str>) -> Result<Counts> {
    match builds::apache_kafka() {
        Ok(apache) => on_apache_kafka(&apache, tests, filter),
        Err(reason) => {
            let mut ignored = 0;
            for target in ON_A_STACK {
                let program = builds::find(tests, END_TO_END, target)?;
                ignored += TestRun::count_kafka(program, filter)?;
            }
            say(format!(
                "{ignored} tests on Apache Kafka are ignored: {reason:#}"
            ));
            Ok(Counts {
                ignored,
                ..Counts::default()
            })
        }
    }
}

fn on_apache_kafka(
    apache: &ApacheKafka,
    tests: &[TestBinary],
    filter: Option<&str>,
) -> Result<Counts> {
    let Some(lock) = Stack::lock(NAME)? else {
        bail!("another process of this clone is running the tests");
    };
    apache.install()?;
    Stack::wipe(NAME, &lock)?;
    let stack = Stack::new(NAME, Ports::free()?, lock)?
        .with_observe(Some(Observe::spans()?))
        .with_apache(apache.clone(), true)?;
    let [scenarios, faults] = ON_A_STACK;
    // The faults first: they mostly wait, and another stack's tests run beside them.
    let chosen =
        [(faults, None), (scenarios, None), (faults, Some(LEAKS))].map(|(target, only)| Chosen {
            target,
            choice: Choice::Kafka,
            only,
            after: None,
        });
    run_on(stack, "apache-kafka", chosen, tests, filter).context("the tests on Apache Kafka")
}

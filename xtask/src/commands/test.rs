//! `cargo xtask test`: all checks and tests, on a separate stack.

use std::{panic::resume_unwind, path::Path, process::Command, sync::mpsc, thread, time::Instant};

use anyhow::{Context as _, Result, bail, ensure};
use clap::Args;
use rustix::process::nice;

use super::{
    end_to_end::{END_TO_END, KAFKA_CLIENTS, ON_A_STACK, UPGRADE, logs, supervise},
    lint, test_apache_kafka,
    test_deployed::{self, ON_A_DEPLOYED_STACK},
};
use crate::{
    builds::{self, TestBinary},
    chart,
    job::Job,
    observe::{Observe, evaluation},
    progress::{label, say},
    stack::{self, Cache, Ports, Stack, Supervisor},
    test_run::{Counts, TestRun},
    tools::{self, Chromium, node::POSTMAN},
    web_tests,
    workspace::{binary, root},
};

/// Added to the niceness of the deployed stack: the faults beside its first tests have deadlines.
const BESIDE_FAULTS: i32 = 5;

#[derive(Args)]
pub(crate) struct Options {
    /// Only run the end-to-end tests
    #[arg(long, conflicts_with_all = ["apache_kafka", "deployed"])]
    e2e: bool,
    /// Only run the tests on Apache Kafka
    #[arg(long)]
    apache_kafka: bool,
    /// Only run the tests on a deployed stack
    #[arg(long)]
    deployed: bool,
    /// Only run tests whose name contains this
    filter: Option<String>,
}

pub(crate) fn run(options: &Options) -> Result<()> {
    let started = Instant::now();
    let Some(lock) = Stack::lock("test")? else {
        bail!("another process of this clone is running the tests");
    };
    if options.apache_kafka || options.deployed {
        let tests = stack::set_up(builds::with_tests)?;
        let filter = options.filter.as_deref();
        let counts = match (options.apache_kafka, options.deployed) {
            (true, true) => on_other_stacks(&tests, filter)?,
            (true, false) => test_apache_kafka::run(&tests, filter)?,
            _ => test_deployed::run(&tests, filter, None)?,
        };
        return report(counts, started);
    }
    // Before the build, which takes minutes.
    if !options.e2e {
        lint::format()?;
    }
    let chromium = Chromium::begin()?;
    Observe::install()?;
    let tests = stack::set_up(builds::with_tests)?;
    let chromium = chromium.finish()?;
    POSTMAN.install()?;
    let mut counts = Counts::default();
    let mut lints = None;
    if !options.e2e {
        lint::web_size()?;
        lints = Some(begin_lints()?);
        counts += without_stack(&tests, &chromium, options)?;
    }
    let programs = ON_A_STACK
        .iter()
        .map(|target| builds::find(&tests, END_TO_END, target))
        .collect::<Result<Vec<_>>>()?;
    Stack::wipe("test", &lock)?;
    // Observed from the start, since the evaluation at the end covers the whole run.
    let stack = Stack::new("test", Ports::free()?, lock)?;
    let observe = Observe::for_tests()?;
    let cache = Cache::free()
        .inspect_err(|error| say(format!("tests of the cache are ignored: {error:#}")))
        .ok();
    let stack = stack.with_observe(Some(observe)).with_cache(cache);
    let mut supervisor = Supervisor::start(stack)?;
    let on_stack = on_stack(&mut supervisor, &programs, &chromium, options);
    let logs = supervisor.stack().logs.clone();
    drop(supervisor);
    counts += on_stack.with_context(|| format!("the stack's logs: {}", logs.display()))?;
    counts += on_other_stacks(&tests, options.filter.as_deref())?;
    let lints = lints.map_or(Ok(()), Job::finish);
    report(counts, started)?;
    lints
}

/// Runs the tests on Apache Kafka and those on a deployed stack. The faults of the former and the
/// deployments of the latter run side by side, since they mostly wait; the scenarios run one after the
/// other.
fn on_other_stacks(tests: &[TestBinary], filter: Option<&str>) -> Result<Counts> {
    let reported = |counts: Result<Counts>| {
        // The other stack's tests may go on for minutes.
        counts.inspect_err(|error| say(format!("✗ {error:#}")))
    };
    thread::scope(|scope| {
        let (running, ended) = mpsc::channel();
        let deployed = scope.spawn(move || {
            label("deployed: ");
            // On Linux, of this thread and of what it starts.
            let _ = nice(BESIDE_FAULTS);
            reported(test_deployed::run(tests, filter, Some(ended)))
        });
        label("Apache Kafka: ");
        let apache_kafka = reported(test_apache_kafka::run(tests, filter));
        label("");
        drop(running);
        let deployed = deployed.join().unwrap_or_else(|panic| resume_unwind(panic));
        let mut counts = apache_kafka?;
        counts += deployed?;
        Ok(counts)
    })
}

/// Starts the other lints. They run beside the tests at the lowest priority, since most of the tests
/// wait most of the time.
fn begin_lints() -> Result<Job> {
    let mut command = Command::new("nice");
    command
        .args(["-n", "19"])
        .arg(binary("xtask"))
        .arg("lint")
        .args(lint::BESIDE_TESTS)
        .current_dir(root());
    Job::begin(
        &mut command,
        "lints",
        &tools::logs()?.join("lints.log"),
        None,
    )
}

fn report(counts: Counts, started: Instant) -> Result<()> {
    let seconds = started.elapsed().as_secs();
    let Counts {
        passed,
        failed,
        ignored,
    } = counts;
    say(format!(
        "{passed} tests passed, {failed} failed, {ignored} ignored, in {}:{:02} min",
        seconds / 60,
        seconds % 60
    ));
    ensure!(failed == 0, "{failed} tests failed");
    Ok(())
}

/// Unit and contract tests.
fn without_stack(tests: &[TestBinary], chromium: &Path, options: &Options) -> Result<Counts> {
    let logs = logs()?;
    let mut counts = Counts::default();
    // Beside the others, since some of them mostly wait.
    let components = web_tests::components(options.filter.as_deref(), &logs);
    let components = TestRun::begin_node(components, None, &logs)?;
    for test in tests {
        let target = test.target.as_str();
        let on_stack = test.folder == root().join(END_TO_END)
            && (ON_A_STACK.contains(&target)
                || ON_A_DEPLOYED_STACK.contains(&target)
                || [KAFKA_CLIENTS, UPGRADE].contains(&target));
        if !on_stack {
            let filter = options.filter.as_deref();
            counts += TestRun::begin_without_stack(test, filter, chromium, &logs)?.wait()?;
        }
    }
    counts += components.wait()?;
    ensure!(counts.failed == 0, "{} tests failed", counts.failed);
    Ok(counts)
}

/// Runs all tests on the stack, even if some fail.
fn on_stack(
    supervisor: &mut Supervisor,
    programs: &[&TestBinary],
    chromium: &Path,
    options: &Options,
) -> Result<Counts> {
    let logs = logs()?;
    let filter = options.filter.as_deref();
    let description = supervisor.stack().state.join("stack.json");
    let mut counts = Counts::default();
    for program in programs {
        let run = TestRun::begin(program, filter, &description, &logs)?;
        counts += supervise(supervisor, run)?;
    }
    let browser = web_tests::browser(filter, chromium, &logs);
    for tests in web_tests::postman(filter, &logs)
        .into_iter()
        .chain([browser])
    {
        let run = TestRun::begin_node(tests, Some(&description), &logs)?;
        counts += supervise(supervisor, run)?;
    }
    if filter.is_none() {
        counts += chart::smoke(&supervisor.stack().description().gateway_url)?;
    }
    // A filtered run doesn't fill every panel.
    let prometheus = supervisor.stack().observe().and_then(|it| it.prometheus);
    if let (Some(prometheus), None) = (prometheus, filter) {
        let admin = supervisor.stack().description().admin_url;
        counts += evaluation::run(&admin, prometheus.port);
    }
    Ok(counts)
}

//! Runs scenarios as named tests on a shared runtime with shared clients. Tests are selected as
//! usual with `cargo test … -- <part of a name>`.

use std::{process::ExitCode, sync::Arc, time::Duration};

use anyhow::{Context as _, Result};
use futures::future::LocalBoxFuture;
use libtest_mimic::{Arguments, Failed, Trial};
use tokio::{runtime::Runtime, time::timeout};

use crate::{
    control,
    scenario::{Scenario, clean_up_shared},
    stack::Stack,
    transport::Transport,
};

/// The environment variable that chooses tests: `kafka` for those that Kafka has a part in, `functions`
/// for those that reach the functions directly or over gRPC, once for each way into them.
const ONLY: &str = "TRICHROME_ONLY";

/// The default timeout of a scenario.
const TIMEOUT: Duration = Duration::from_secs(150);

type Run = Arc<dyn Fn(Scenario) -> LocalBoxFuture<'static, Result<()>> + Send + Sync>;

struct Test {
    name: String,
    transport: Transport,
    run: Run,
    /// Whether Kafka has a part in it.
    kafka: bool,
    /// The reason why the test is ignored, if it is.
    ignored: Option<&'static str>,
}

impl Test {
    /// Whether it calls functions as API Gateway or the gateway does, and nothing before these.
    fn is_of_functions(&self) -> bool {
        !self.kafka && matches!(self.transport, Transport::Rest | Transport::Grpc)
    }
}

/// The tests of a binary.
pub struct Suite {
    tests: Vec<Test>,
    timeout: Duration,
}

impl Default for Suite {
    fn default() -> Self {
        Self::with_timeout(TIMEOUT)
    }
}

impl Suite {
    /// Creates a suite with a timeout for each scenario.
    pub fn with_timeout(timeout: Duration) -> Self {
        Self {
            tests: Vec::new(),
            timeout,
        }
    }

    /// Adds a scenario as one test for each transport.
    pub fn each<F>(&mut self, name: &str, scenario: impl Fn(Scenario) -> F + Send + Sync + 'static)
    where
        F: Future<Output = Result<()>> + 'static,
    {
        self.over(&Transport::ALL, name, scenario);
    }

    /// Adds a scenario as one test for each of the given transports.
    pub fn over<F>(
        &mut self,
        transports: &[Transport],
        name: &str,
        scenario: impl Fn(Scenario) -> F + Send + Sync + 'static,
    ) where
        F: Future<Output = Result<()>> + 'static,
    {
        let run: Run = Arc::new(move |run| Box::pin(scenario(run)));
        for &transport in transports {
            self.tests.push(Test {
                name: format!("{name}::{transport}"),
                transport,
                run: Arc::clone(&run),
                kafka: matches!(transport, Transport::Kafka | Transport::FacadeEvents),
                ignored: None,
            });
        }
    }

    /// Adds a test that doesn't depend on a transport.
    pub fn once<F>(&mut self, name: &str, test: impl Fn(Scenario) -> F + Send + Sync + 'static)
    where
        F: Future<Output = Result<()>> + 'static,
    {
        let run: Run = Arc::new(move |run| Box::pin(test(run)));
        self.tests.push(Test {
            name: name.to_owned(),
            transport: Transport::Rest,
            run,
            kafka: false,
            ignored: None,
        });
    }

    /// Adds tests of Kafka, whatever their transport.
    pub fn kafka(&mut self, add: impl FnOnce(&mut Self)) {
        let others = self.tests.len();
        add(self);
        for test in self.tests.iter_mut().skip(others) {
            test.kafka = true;
        }
    }

    /// Adds tests that need an optional feature of the stack. Without it, they are reported as
    /// ignored with a reason.
    pub fn given(&mut self, possible: bool, reason: &'static str, add: impl FnOnce(&mut Self)) {
        let others = self.tests.len();
        add(self);
        if !possible {
            for test in self.tests.iter_mut().skip(others) {
                test.ignored = Some(reason);
            }
        }
    }

    /// Runs the tests on this many threads, unless the command line sets another number.
    pub fn run(mut self, threads: usize) -> ExitCode {
        match std::env::var(ONLY).as_deref() {
            Ok("kafka") => self.tests.retain(|test| test.kafka),
            Ok("functions") => self.tests.retain(Test::is_of_functions),
            _ => {}
        }
        let mut arguments = Arguments::from_args();
        arguments.test_threads.get_or_insert(threads);
        let limit = self.timeout;
        let trials = |stack: Option<(Arc<Runtime>, &'static Stack)>| {
            let trial = |test: Test| {
                let stack = stack.clone();
                let ignored = test.ignored;
                let trial = Trial::test(test.name, move || {
                    let (runtime, stack) = stack.ok_or("tests are listed, not run")?;
                    let scenario = Scenario::new(stack, test.transport);
                    let outcome = runtime.block_on(run_scenario(scenario, &test.run, limit));
                    outcome.map_err(|error| Failed::from(format!("{error:#}")))
                });
                trial
                    .with_kind(ignored.unwrap_or_default())
                    .with_ignored_flag(ignored.is_some())
            };
            self.tests.into_iter().map(trial).collect()
        };
        if arguments.list {
            return libtest_mimic::run(&arguments, trials(None)).exit_code();
        }
        match connect() {
            Ok((runtime, stack)) => {
                let trials = trials(Some((Arc::clone(&runtime), stack)));
                let conclusion = libtest_mimic::run(&arguments, trials);
                if let Err(error) = runtime.block_on(clean_up_shared(stack)) {
                    eprintln!("error: cleaning up: {error:#}");
                    return ExitCode::FAILURE;
                }
                conclusion.exit_code()
            }
            Err(error) => {
                eprintln!("error: {error:#}");
                ExitCode::FAILURE
            }
        }
    }
}

fn connect() -> Result<(Arc<Runtime>, &'static Stack)> {
    let runtime = Runtime::new()?;
    // Leaked on purpose: the clients live as long as the process.
    let stack = Box::leak(Box::new(runtime.block_on(Stack::connect())?));
    Ok((Arc::new(runtime), stack))
}

async fn run_scenario(scenario: Scenario, run: &Run, limit: Duration) -> Result<()> {
    let outcome = timeout(limit, run(scenario.clone())).await;
    let outcome = outcome
        .with_context(|| format!("still running after {limit:?}"))
        .flatten();
    // Parts that are still stopped would make the following scenarios fail too.
    let started = control::start_stopped(scenario.stack()).await;
    let cleaned = timeout(TIMEOUT, scenario.clean_up()).await;
    outcome?;
    started.context("starting stopped parts")?;
    cleaned?.context("cleaning up")
}

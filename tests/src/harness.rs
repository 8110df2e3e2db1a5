//! Runs scenarios as tests, each with a name of its own, on one runtime and one set of
//! clients: `cargo test … -- <part of a name>` chooses, as with any test.

use std::{process::ExitCode, sync::Arc, time::Duration};

use anyhow::{Context as _, Result};
use futures::future::LocalBoxFuture;
use libtest_mimic::{Arguments, Failed, Trial};
use tokio::{runtime::Runtime, time::timeout};

use crate::{control, scenario::Scenario, stack::Stack, transport::Transport};

/// The longest that a scenario may take, whatever it waits for, unless the suite says more.
const PATIENCE: Duration = Duration::from_secs(150);

type Run = Arc<dyn Fn(Scenario) -> LocalBoxFuture<'static, Result<()>> + Send + Sync>;

struct Test {
    name: String,
    transport: Transport,
    run: Run,
    /// Why it is not run, where it is not.
    ignored: Option<&'static str>,
}

/// Tests to run.
pub struct Suite {
    tests: Vec<Test>,
    patience: Duration,
}

impl Default for Suite {
    fn default() -> Self {
        Self::patient(PATIENCE)
    }
}

impl Suite {
    /// With this as the longest that a scenario may take.
    pub fn patient(patience: Duration) -> Self {
        Self {
            tests: Vec::new(),
            patience,
        }
    }

    /// Adds a scenario, as one test a transport.
    pub fn each<F>(&mut self, name: &str, scenario: impl Fn(Scenario) -> F + Send + Sync + 'static)
    where
        F: Future<Output = Result<()>> + 'static,
    {
        self.over(&Transport::ALL, name, scenario);
    }

    /// Adds a scenario, as one test for each of these transports.
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
                ignored: None,
            });
        }
    }

    /// Adds a test of something that no transport is the point of.
    pub fn once<F>(&mut self, name: &str, test: impl Fn(Scenario) -> F + Send + Sync + 'static)
    where
        F: Future<Output = Result<()>> + 'static,
    {
        let run: Run = Arc::new(move |run| Box::pin(test(run)));
        self.tests.push(Test {
            name: name.to_owned(),
            transport: Transport::Rest,
            run,
            ignored: None,
        });
    }

    /// Adds tests that not every stack can have: where this one cannot, they are counted as
    /// ignored, with the reason.
    pub fn given(&mut self, possible: bool, why_not: &'static str, add: impl FnOnce(&mut Self)) {
        let others = self.tests.len();
        add(self);
        if !possible {
            for test in self.tests.iter_mut().skip(others) {
                test.ignored = Some(why_not);
            }
        }
    }

    /// Runs them, this many at a time unless the command line says otherwise.
    pub fn run(self, threads: usize) -> ExitCode {
        let mut arguments = Arguments::from_args();
        arguments.test_threads.get_or_insert(threads);
        let patience = self.patience;
        let trials = |stack: Option<(Arc<Runtime>, &'static Stack)>| {
            let trial = |test: Test| {
                let stack = stack.clone();
                let ignored = test.ignored;
                let trial = Trial::test(test.name, move || {
                    let (runtime, stack) = stack.ok_or("tests are listed, not run")?;
                    let scenario = Scenario::new(stack, test.transport);
                    let outcome = runtime.block_on(one(scenario, &test.run, patience));
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
            Ok(stack) => libtest_mimic::run(&arguments, trials(Some(stack))).exit_code(),
            Err(error) => {
                eprintln!("error: {error:#}");
                ExitCode::FAILURE
            }
        }
    }
}

fn connect() -> Result<(Arc<Runtime>, &'static Stack)> {
    let runtime = Runtime::new()?;
    // Kept for as long as the process lives.
    let stack = Box::leak(Box::new(runtime.block_on(Stack::connect())?));
    Ok((Arc::new(runtime), stack))
}

async fn one(scenario: Scenario, run: &Run, patience: Duration) -> Result<()> {
    let outcome = timeout(patience, run(scenario.clone())).await;
    let outcome = outcome
        .with_context(|| format!("still under way after {patience:?}"))
        .flatten();
    // Or every scenario after one that was given up would fail too.
    let started = control::start_stopped(scenario.stack()).await;
    let cleaned = timeout(PATIENCE, scenario.clean_up()).await;
    outcome?;
    started.context("starting what was stopped")?;
    cleaned?.context("cleaning up")
}

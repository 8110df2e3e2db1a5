//! Runs scenarios as tests, each with a name of its own, on one runtime and one set of
//! clients: `cargo test … -- <part of a name>` chooses, as with any test.

use std::{process::ExitCode, sync::Arc, time::Duration};

use anyhow::{Context as _, Result};
use futures::future::LocalBoxFuture;
use libtest_mimic::{Arguments, Failed, Trial};
use tokio::{runtime::Runtime, time::timeout};

use crate::{scenario::Scenario, stack::Stack, transport::Transport};

/// The longest that a scenario may take, whatever it waits for.
const PATIENCE: Duration = Duration::from_secs(150);

type Run = Arc<dyn Fn(Scenario) -> LocalBoxFuture<'static, Result<()>> + Send + Sync>;

/// Tests to run.
#[derive(Default)]
pub struct Suite(Vec<(String, Transport, Run)>);

impl Suite {
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
            let name = format!("{name}::{transport}");
            self.0.push((name, transport, Arc::clone(&run)));
        }
    }

    /// Adds a test of something that no transport is the point of.
    pub fn once<F>(&mut self, name: &str, test: impl Fn(Scenario) -> F + Send + Sync + 'static)
    where
        F: Future<Output = Result<()>> + 'static,
    {
        let run: Run = Arc::new(move |run| Box::pin(test(run)));
        self.0.push((name.to_owned(), Transport::Rest, run));
    }

    /// Runs them, this many at a time unless the command line says otherwise.
    pub fn run(self, threads: usize) -> ExitCode {
        let mut arguments = Arguments::from_args();
        arguments.test_threads.get_or_insert(threads);
        let trials = |stack: Option<(Arc<Runtime>, &'static Stack)>| {
            let trial = |(name, transport, run): (String, Transport, Run)| {
                let stack = stack.clone();
                Trial::test(name, move || {
                    let (runtime, stack) = stack.ok_or("tests are listed, not run")?;
                    let outcome = runtime.block_on(one(Scenario::new(stack, transport), &run));
                    outcome.map_err(|error| Failed::from(format!("{error:#}")))
                })
            };
            self.0.into_iter().map(trial).collect()
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

async fn one(scenario: Scenario, run: &Run) -> Result<()> {
    let outcome = timeout(PATIENCE, run(scenario.clone())).await;
    let outcome = outcome
        .with_context(|| format!("still under way after {PATIENCE:?}"))
        .flatten();
    let cleaned = timeout(PATIENCE, scenario.clean_up()).await;
    outcome?;
    cleaned?.context("cleaning up")
}

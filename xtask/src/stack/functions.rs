//! The functions' processes, beside cargo-lambda, which has their APIs.

use std::{
    collections::BTreeSet,
    fs,
    process::Command,
    sync::{
        Arc, Mutex,
        mpsc::{self, Receiver},
    },
    thread,
};

use anyhow::{Result, ensure};

use super::Stack;
use crate::{http, workspace::root};

/// Processes of one function: this many calls of it run at a time, as on Lambda each in an
/// environment of its own; more wait.
const INSTANCES: usize = 4;

/// Functions whose first call is made at once.
const AT_ONCE: usize = 4;

/// Answers the requests that no route takes, which would hang otherwise.
const NO_ROUTE: &str = "no-route";

/// Functions that only AWS calls: CloudFormation and a schedule.
const ONLY_ON_AWS: [&str; 2] = ["analytics-migrate", "pictures-sweep"];

/// Every function that runs locally: the other binaries under `functions/*/src/bin`.
pub(crate) fn names() -> Result<BTreeSet<String>> {
    let mut names = BTreeSet::new();
    for package in fs::read_dir(root().join("functions"))? {
        let Ok(binaries) = fs::read_dir(package?.path().join("src/bin")) else {
            continue;
        };
        for binary in binaries {
            if let Some(stem) = binary?.path().file_stem() {
                names.insert(stem.to_string_lossy().into_owned());
            }
        }
    }
    for name in ONLY_ON_AWS {
        ensure!(names.remove(name), "there is no function {name}");
    }
    Ok(names)
}

/// Every process to start, with its function's name.
pub(crate) fn commands(stack: &Stack) -> Result<Vec<(String, Command)>> {
    let api = format!("http://127.0.0.1:{}/.rt", stack.ports.lambda);
    let environment = stack.environment()?;
    let command = |name: &str, api: &str| {
        let mut command = Command::new(stack.program(name));
        command
            .env("AWS_LAMBDA_RUNTIME_API", api)
            .env("AWS_LAMBDA_FUNCTION_NAME", name)
            .env("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST")
            .env("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "256")
            .envs(environment.iter().map(|(name, value)| (name, value)));
        command
    };
    // The API without a function's name is that of cargo-lambda's default function.
    let mut commands = vec![(NO_ROUTE.to_owned(), command(NO_ROUTE, &api))];
    for name in names()? {
        let api = format!("{api}/{name}");
        for _ in 0..INSTANCES {
            commands.push((name.clone(), command(&name, &api)));
        }
    }
    Ok(commands)
}

/// The first calls, in the background: one of every function.
pub(crate) struct FirstCalls {
    pub(crate) total: usize,
    /// A function's name, with why it does not serve, if it does not.
    pub(crate) outcomes: Receiver<(String, Result<()>)>,
}

impl FirstCalls {
    pub(crate) fn begin(stack: &Stack) -> Result<Self> {
        let names = names()?;
        let total = names.len();
        let endpoint = stack.description().lambda_endpoint;
        let queue = Arc::new(Mutex::new(names.into_iter()));
        let (sender, outcomes) = mpsc::channel();
        for _ in 0..AT_ONCE {
            let (queue, endpoint, sender) = (queue.clone(), endpoint.clone(), sender.clone());
            thread::spawn(move || {
                let next = || queue.lock().ok()?.next();
                while let Some(name) = next() {
                    let outcome = call(&endpoint, &name);
                    if sender.send((name, outcome)).is_err() {
                        break;
                    }
                }
            });
        }
        Ok(Self { total, outcomes })
    }
}

/// With no event at all: a function that serves answers an error, and logs no call.
fn call(endpoint: &str, name: &str) -> Result<()> {
    let url = format!("{endpoint}/2015-03-31/functions/{name}/invocations");
    http::call("POST", &url, None, Some(&serde_json::json!({})))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_function_has_a_binary() {
        let names = names().unwrap();
        assert!(names.contains("pictures-create"), "{names:?}");
        assert!(names.contains("analytics-ingest"), "{names:?}");
        assert!(!names.contains("pictures-sweep"), "{names:?}");
    }
}

//! The functions' processes. cargo-lambda serves their runtime API.

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

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;

use super::{Stack, relay::Relay, running::Launch};
use crate::{http, workspace::root};

/// The number of processes of one function. Each serves one call at a time, like an execution environment on
/// Lambda; further calls wait.
pub(crate) const INSTANCES: usize = 4;

/// First calls that run at the same time.
const AT_ONCE: usize = 4;

/// Functions that only AWS calls: CloudFormation and schedules.
const ONLY_ON_AWS: [&str; 3] = ["analytics-migrate", "analytics-upkeep", "pictures-sweep"];

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

/// The functions of operations that have no binary yet.
pub(crate) fn missing() -> Result<Vec<String>> {
    let names = names()?;
    let path = root().join("proto/openapi.json");
    let openapi = fs::read_to_string(&path).with_context(|| path.display().to_string())?;
    let mut operations = operations(&serde_json::from_str(&openapi)?);
    operations.retain(|name| !names.contains(name));
    Ok(operations)
}

/// The functions that serve an API's operations, by its OpenAPI document.
fn operations(openapi: &Value) -> Vec<String> {
    let paths = openapi["paths"].as_object().into_iter().flatten();
    paths
        .filter_map(|(_, methods)| methods.as_object())
        .flat_map(|methods| methods.values())
        .filter_map(|operation| Some(operation["operationId"].as_str()?.to_owned()))
        .collect()
}

/// What to do about a function of [`missing`].
pub(crate) fn describe_missing(name: &str) -> String {
    let package = name.split('-').next().unwrap_or(name);
    format!(
        "no program serves {name}, so its calls are refused: add functions/{package}/src/bin/{name}.rs"
    )
}

/// The processes of these functions.
pub(crate) fn launches<'a>(
    stack: &Stack,
    relay: &Relay,
    names: impl IntoIterator<Item = &'a str>,
) -> Result<Vec<Launch>> {
    let mut launches = Vec::new();
    for name in names {
        for _ in 0..INSTANCES {
            launches.push(launch(stack, relay, name)?);
        }
    }
    Ok(launches)
}

/// One process of a function.
pub(crate) fn launch(stack: &Stack, relay: &Relay, name: &str) -> Result<Launch> {
    let (id, api) = relay.admit(name);
    let mut command = Command::new(stack.program(name));
    command
        .env("AWS_LAMBDA_RUNTIME_API", api)
        .env("AWS_LAMBDA_FUNCTION_NAME", name)
        .env("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST")
        .env("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "256")
        // As in template.yaml.
        .env("AWS_LAMBDA_HTTP_IGNORE_STAGE_IN_PATH", "true")
        .env("CORS_ORIGIN", "*")
        .envs(stack.environment()?);
    Ok(Launch {
        name: name.to_owned(),
        command,
        relay: Some(id),
    })
}

/// The first calls, in the background: one of every function.
pub(crate) struct FirstCalls {
    pub(crate) total: usize,
    /// A function's name and the outcome of its first call.
    pub(crate) outcomes: Receiver<(String, Result<()>)>,
}

impl FirstCalls {
    pub(crate) fn begin(stack: &Stack) -> Result<Self> {
        let names = names()?;
        let total = names.len();
        let endpoint = stack.cargo_lambda();
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

/// Calls a function that some process of it may still be waiting to serve.
pub(crate) fn probe(stack: &Stack, name: &str) -> Result<()> {
    call(&stack.cargo_lambda(), name)
}

/// Without an event: a function that works answers with an error and logs no call.
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
        assert!(missing().unwrap().is_empty());
    }

    #[test]
    fn the_operations_of_an_api_name_functions() {
        let openapi = serde_json::json!({"paths": {
            "/a": {"get": {"operationId": "a-get"}, "post": {"operationId": "a-create"}},
            "/b": {"get": {"operationId": "b-get"}, "parameters": []},
        }});
        assert_eq!(operations(&openapi), ["a-get", "a-create", "b-get"]);
    }
}

//! The first call of each function, which starts its process.

use std::{collections::BTreeSet, fs, thread};

use anyhow::{Result, bail};

use super::Stack;
use crate::{http, progress::Step, workspace::root};

/// Functions that start at once: each start takes a moment of cargo's build lock.
const AT_ONCE: usize = 3;

/// Calls every function once, so that no user meets a cold one.
pub(crate) fn functions(stack: &Stack) -> Result<()> {
    let names = names()?;
    let step = Step::begin(&format!("{} functions", names.len()));
    let endpoint = stack.description().lambda_endpoint;
    let queue = std::sync::Mutex::new(names.into_iter());
    let failed = std::sync::Mutex::new(Vec::new());
    thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                let next = || queue.lock().ok()?.next();
                while let Some(name) = next() {
                    // No event at all: the function answers an error, and has started.
                    let url = format!("{endpoint}/2015-03-31/functions/{name}/invocations");
                    let event = serde_json::json!({});
                    if let Err(error) = http::call("POST", &url, None, Some(&event))
                        && let Ok(mut failed) = failed.lock()
                    {
                        failed.push(format!("{name}: {error:#}"));
                    }
                }
            });
        }
    });
    let failed = failed.into_inner().unwrap_or_default();
    step.end(failed.is_empty());
    if !failed.is_empty() {
        bail!(
            "functions did not start: {} (see {})",
            failed.join("; "),
            stack.logs.join("functions.log").display()
        );
    }
    Ok(())
}

/// Every binary under `functions/*/src/bin`.
fn names() -> Result<BTreeSet<String>> {
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
    Ok(names)
}

//! Tests that run in Node.js: the web app's components, the web app in a browser, and the
//! Postman collection.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use crate::tools::node::{POSTMAN, WEB};

/// Name of the Postman collection's tests, for filters.
const COLLECTION: &str = "postman";

/// Tests that write a report in Jest's format, as Vitest and the Postman runner do.
pub(crate) struct NodeTests {
    pub(crate) name: &'static str,
    pub(crate) command: Command,
    /// The report's path.
    pub(crate) report: PathBuf,
    /// Whether a filter applies. Tests that it excludes are reported as ignored, and not shown.
    pub(crate) filtered: bool,
}

/// Component tests, against a fake backend.
pub(crate) fn components(filter: Option<&str>, logs: &Path) -> NodeTests {
    vitest("web components", "test", filter, logs)
}

/// Browser tests on a stack. A failed test leaves a screenshot.
pub(crate) fn browser(filter: Option<&str>, chromium: &Path, logs: &Path) -> NodeTests {
    let mut tests = vitest("web browser", "e2e", filter, logs);
    tests
        .command
        .env("CHROMIUM", chromium)
        .env("TRICHROME_SCREENSHOTS", logs.join("web browser"));
    tests
}

/// The Postman collection on a stack. Its requests build on each other, so all run or none.
pub(crate) fn postman(filter: Option<&str>, logs: &Path) -> Option<NodeTests> {
    if filter.is_some_and(|filter| !COLLECTION.contains(filter)) {
        return None;
    }
    let report = report(COLLECTION, logs);
    let mut command = POSTMAN.script("run");
    command.arg("--report").arg(&report);
    Some(NodeTests {
        name: COLLECTION,
        command,
        report,
        filtered: false,
    })
}

fn vitest(name: &'static str, script: &str, filter: Option<&str>, logs: &Path) -> NodeTests {
    let report = report(name, logs);
    let mut command = WEB.script(script);
    command
        .args(["--reporter=default", "--reporter=json"])
        .arg(format!("--outputFile.json={}", report.display()));
    if let Some(filter) = filter {
        command.arg(format!("--testNamePattern={}", escape(filter)));
    }
    NodeTests {
        name,
        command,
        report,
        filtered: filter.is_some(),
    }
}

fn report(name: &str, logs: &Path) -> PathBuf {
    logs.join(format!("test {name}.json"))
}

/// Escapes a text for use in a JavaScript regular expression.
fn escape(text: &str) -> String {
    text.chars()
        .flat_map(|letter| {
            let special = r"\^$.*+?()[]{}|/".contains(letter);
            special.then_some('\\').into_iter().chain([letter])
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filter_is_literal() {
        assert_eq!(escape("over REST (1)"), r"over REST \(1\)");
        assert_eq!(escape("pictures::get"), "pictures::get");
    }

    #[test]
    fn the_postman_collection_is_filtered_by_name() {
        let logs = Path::new("/logs");
        assert!(postman(None, logs).is_some());
        assert!(postman(Some("postman"), logs).is_some());
        assert!(postman(Some("pictures"), logs).is_none());
    }
}

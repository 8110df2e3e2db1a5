//! The tests that run in Node.js: the web app's components, the web app in a browser, and the
//! Postman collection.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use crate::tools;

/// What the Postman collection is called where tests are chosen by name.
const POSTMAN: &str = "postman";

/// A run of tests that writes down its results as Jest does (and Vitest, and ours).
pub(crate) struct NodeTests {
    pub(crate) name: &'static str,
    pub(crate) command: Command,
    /// Where it writes them.
    pub(crate) report: PathBuf,
    /// Whether some were left out by their name: those are not told of.
    pub(crate) chosen: bool,
}

/// The app's components, against a backend of their own.
pub(crate) fn components(filter: Option<&str>, logs: &Path) -> NodeTests {
    vitest("web components", "test", filter, logs)
}

/// The app in a browser, on a stack. What the browser saw of a failed test is kept.
pub(crate) fn browser(filter: Option<&str>, chromium: &Path, logs: &Path) -> NodeTests {
    let mut tests = vitest("web browser", "e2e", filter, logs);
    tests
        .command
        .env("CHROMIUM", chromium)
        .env("TRICHROME_SCREENSHOTS", logs.join("web browser"));
    tests
}

/// Every request of the Postman collection, on a stack. They build on each other, so all run
/// or none.
pub(crate) fn postman(filter: Option<&str>, logs: &Path) -> Option<NodeTests> {
    if filter.is_some_and(|filter| !POSTMAN.contains(filter)) {
        return None;
    }
    let report = report(POSTMAN, logs);
    let mut command = tools::postman::script("run");
    command.arg("--report").arg(&report);
    Some(NodeTests {
        name: POSTMAN,
        command,
        report,
        chosen: false,
    })
}

fn vitest(name: &'static str, script: &str, filter: Option<&str>, logs: &Path) -> NodeTests {
    let report = report(name, logs);
    let mut command = tools::web::script(script);
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
        chosen: filter.is_some(),
    }
}

fn report(name: &str, logs: &Path) -> PathBuf {
    logs.join(format!("test {name}.json"))
}

/// A text as a regular expression (of JavaScript) that finds it.
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
    fn a_filter_is_a_text_not_a_pattern() {
        assert_eq!(escape("over REST (1)"), r"over REST \(1\)");
        assert_eq!(escape("pictures::get"), "pictures::get");
    }

    #[test]
    fn the_postman_collection_is_chosen_by_its_name() {
        let logs = Path::new("/logs");
        assert!(postman(None, logs).is_some());
        assert!(postman(Some("postman"), logs).is_some());
        assert!(postman(Some("pictures"), logs).is_none());
    }
}

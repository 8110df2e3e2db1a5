//! Puts a corpus of files before [`trichrome_image::inspect`] and before Chromium, and compares.
//!
//! `cargo xtask test` runs it. By itself, it needs Chromium and the web app's packages:
//! `CHROMIUM=chromium cargo test -p trichrome-image --test chromium`. Without `CHROMIUM`, it is
//! ignored. `CORPUS=<folder>` keeps the files that are judged differently.

mod comparison;
mod corpus;
mod exceptions;
mod judge;

use std::{env, process::ExitCode, sync::Arc, sync::OnceLock};

use libtest_mimic::{Arguments, Failed, Trial};

use crate::comparison::{Comparison, FORMATS};

/// Finds the problems of a test.
type Check = Box<dyn Fn(&Comparison) -> Vec<String> + Send>;

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    let is_ignored = env::var_os("CHROMIUM").is_none();
    // All files are judged in one run of Chromium, by the first test that needs it.
    let comparison: Arc<OnceLock<Result<Comparison, String>>> = Arc::default();
    let trial = |name: String, check: Check| {
        let comparison = Arc::clone(&comparison);
        let test = move || {
            let run = || Comparison::run().map_err(|error| format!("{error:#}"));
            match comparison.get_or_init(run) {
                Err(error) => Err(Failed::from(error.clone())),
                Ok(comparison) => report(&check(comparison)),
            }
        };
        Trial::test(name, test).with_ignored_flag(is_ignored)
    };
    let mut trials: Vec<_> = FORMATS
        .into_iter()
        .map(|format| {
            let name = format!("{}_files_have_chromiums_verdict", format.to_lowercase());
            trial(name, Box::new(move |it| it.differences(format)))
        })
        .collect();
    trials.push(trial(
        "exceptions_are_needed".to_owned(),
        Box::new(Comparison::unused_exceptions),
    ));
    libtest_mimic::run(&arguments, trials).exit_code()
}

/// Fails with the problems, if there are any.
fn report(problems: &[String]) -> Result<(), Failed> {
    if problems.is_empty() {
        return Ok(());
    }
    Err(format!("{} problems:\n{}", problems.len(), problems.join("\n")).into())
}

//! `cargo xtask verify`: checks by big programs that a user's machine needn't have.

use std::time::Instant;

use anyhow::{Result, ensure};
use clap::Args;

use crate::{
    interrupt,
    progress::say,
    verify::{Checks, PARTS, Part},
};

#[derive(Args)]
pub(crate) struct Options {
    /// List the parts, and what this machine lacks to run them
    #[arg(long)]
    list: bool,
    /// Fail if a part can't run because the machine lacks something
    #[arg(long)]
    strict: bool,
    /// Only these parts
    parts: Vec<String>,
}

pub(crate) fn run(options: &Options) -> Result<()> {
    let parts = chosen(&options.parts)?;
    if options.list {
        return list(&parts);
    }
    let started = Instant::now();
    let mut checks = Checks::default();
    let mut ignored = 0;
    for part in parts {
        interrupt::check()?;
        say(format!("{}: {}", part.name, part.about));
        if let Some(lacking) = part.lacks()? {
            say(format!("- ignored: {lacking}"));
            ignored += 1;
            continue;
        }
        if let Err(error) = part.run(&mut checks) {
            interrupt::check()?;
            checks.fail(&format!("✗ {}: {error:#}", part.name));
        }
    }
    let mut counts = checks.counts();
    counts.ignored += ignored;
    let seconds = started.elapsed().as_secs();
    say(format!(
        "{} checks passed, {} failed, {} ignored, in {}:{:02} min",
        counts.passed,
        counts.failed,
        counts.ignored,
        seconds / 60,
        seconds % 60
    ));
    ensure!(counts.failed == 0, "{} checks failed", counts.failed);
    ensure!(
        ignored == 0 || !options.strict,
        "{ignored} parts couldn't run"
    );
    Ok(())
}

/// The parts with these names; all of them without names.
fn chosen(names: &[String]) -> Result<Vec<&'static Part>> {
    for name in names {
        ensure!(
            PARTS.iter().any(|part| part.name == name),
            "there is no part {name}: see `cargo xtask verify --list`"
        );
    }
    let chosen = |part: &&Part| names.is_empty() || names.iter().any(|name| name == part.name);
    Ok(PARTS.into_iter().filter(chosen).collect())
}

fn list(parts: &[&Part]) -> Result<()> {
    for part in parts {
        say(format!("{:12}{}", part.name, part.about));
        if let Some(lacking) = part.lacks()? {
            say(format!("{:12}can't run here: {lacking}", ""));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(chosen: &[&str]) -> Result<Vec<&'static str>> {
        let chosen: Vec<_> = chosen.iter().map(|&name| name.to_owned()).collect();
        Ok(super::chosen(&chosen)?
            .iter()
            .map(|part| part.name)
            .collect())
    }

    #[test]
    fn parts_are_chosen_by_name_and_run_in_their_own_order() {
        assert_eq!(names(&[]).unwrap().len(), PARTS.len());
        assert_eq!(
            names(&["jaeger", "collector"]).unwrap(),
            ["collector", "jaeger"]
        );
        let error = names(&["no-such-part"]).unwrap_err().to_string();
        assert!(error.contains("no-such-part"), "{error}");
    }
}
